package io.ashlar.vduse.vhost;

import static org.assertj.core.api.Assertions.assertThat;

import io.ashlar.vduse.blk.QueueFigure;
import io.ashlar.vduse.device.HeldDevice;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Messages that the specification knows and that no front end which was tried ever sends. */
@Timeout(120)
class UnusualMessagesTest {
    private static final int RESET_OWNER = 4;
    /** VHOST_USER_VRING_NOFD_MASK: no descriptor comes along. */
    private static final int NO_DESCRIPTOR = 0x100;

    private static final int MIB = 1 << 20;
    private static final int DATA = 1 << 16;
    private static final int STATUS = 8192;

    @TempDir
    Path folder;

    private final HeldDevice volume = new HeldDevice(MIB);
    private VhostStand stand;
    private VhostUserDevice device;
    private FrontEndModel front;
    private FrontEndModel.Region memory;

    @BeforeEach
    void start() throws Exception {
        stand = new VhostStand();
        device = stand.open("test", volume, folder.resolve("s"));
        connect();
    }

    @AfterEach
    void end() throws Exception {
        front.close();
        stand.close();
    }

    private void connect() throws Exception {
        front = new FrontEndModel(folder.resolve("s"));
        front.negotiate();
        memory = front.memory(0x10_0000, MIB);
        front.rings(memory, VhostStand.QUEUES, 0);
        front.setMemory();
    }

    private void serve(int ring) throws Exception {
        front.describe(ring, 0);
        front.enable(ring);
    }

    private void write(int ring, int block) throws Exception {
        front.offer(memory, DATA, ring, FrontEndModel.OUT, block, block);
        awaitWritten(ring, block);
    }

    private void awaitWritten(int ring, int block) throws Exception {
        front.awaitUsed(ring);
        assertThat(memory.memory().get(DATA + STATUS)).isZero();
        assertThat(volume.bytes().getByte(4096 * block)).isEqualTo((byte) block);
    }

    private static ByteBuf withoutDescriptor(int ring) {
        return FrontEndModel.number(ring | NO_DESCRIPTOR);
    }

    @Test
    void shouldRefuseToPollARingAndLeaveItWithTheKicksThatItHas() throws Exception {
        serve(0);
        write(0, 1);
        assertThat(front.tell(FrontEndModel.SET_VRING_KICK, withoutDescriptor(0)))
                .isFalse();
        write(0, 2);
        assertThat(front.tell(FrontEndModel.SET_VRING_KICK, FrontEndModel.number(0), front.kicks.get(0)))
                .isTrue();
        write(0, 3);
    }

    @Test
    void shouldNotServeARingThatWouldHaveToBePolledUntilItHasKicks() throws Exception {
        assertThat(front.tell(FrontEndModel.SET_VRING_NUM, FrontEndModel.payload(0, FrontEndModel.RING_SIZE)))
                .isTrue();
        assertThat(front.tell(FrontEndModel.SET_VRING_ADDR, front.addresses(0))).isTrue();
        assertThat(front.tell(FrontEndModel.SET_VRING_ENABLE, FrontEndModel.payload(0, 1)))
                .isTrue();
        assertThat(front.tell(FrontEndModel.SET_VRING_KICK, withoutDescriptor(0)))
                .isFalse();
        assertThat(stand.onControl(device::queueCpus)).containsOnly(-1);
        front.offer(memory, DATA, 0, FrontEndModel.OUT, 5, 5);
        assertThat(front.tell(FrontEndModel.SET_VRING_CALL, FrontEndModel.number(0), front.calls.get(0)))
                .isTrue();
        assertThat(front.tell(FrontEndModel.SET_VRING_KICK, FrontEndModel.number(0), front.kicks.get(0)))
                .isTrue();
        awaitWritten(0, 5);
    }

    @Test
    void shouldEndTheConnectionOfAFrontEndThatWantsToBePolledAndNoAnswer() throws Exception {
        front.send(FrontEndModel.SET_VRING_KICK, 0, withoutDescriptor(0));
        front.awaitEnd();
        front.close();
        connect();
        serve(1);
        write(1, 7);
    }

    @Test
    void shouldServeARingWhoseErrorsNobodyWantsToKnowAndTellNobodyWhenItBreaks() throws Exception {
        serve(0);
        serve(1);
        assertThat(front.tell(FrontEndModel.SET_VRING_ERR, withoutDescriptor(0)))
                .isTrue();
        write(0, 1);
        FrontEndModel.Region nowhere = front.memory(0x4000_0000, MIB);
        front.offer(nowhere, 0, 0, FrontEndModel.OUT, 2, 2);
        VhostStand.await(() -> device.counters().get(0).value(QueueFigure.BROKEN) == 1);
        front.offer(nowhere, 0, 1, FrontEndModel.OUT, 2, 2);
        VhostStand.await(() -> front.signalled(front.errors.get(1)));
        assertThat(front.signalled(front.errors.get(0))).isFalse();
        assertThat(stand.onControl(device::isConnected)).isTrue();
    }

    /** Long deprecated: "back-ends that implement it should just ignore it" comes nearest to what all do. */
    @Test
    void shouldGoOnAsIfNothingHadBeenSaidWhenTheOwnerIsReset() throws Exception {
        serve(0);
        serve(1);
        volume.hold();
        front.offer(memory, DATA, 0, FrontEndModel.OUT, 3, 3);
        assertThat(volume.arrivals.poll(60, TimeUnit.SECONDS)).isNotNull();
        assertThat(front.tell(RESET_OWNER, Unpooled.buffer())).isTrue();
        front.send(RESET_OWNER, 0, Unpooled.buffer());
        volume.letGo();
        awaitWritten(0, 3);
        write(1, 4);
        assertThat(front.base(0)).isEqualTo(1);
    }
}
