package io.ashlar.vduse.agent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.ashlar.base.net.EpollLoops;
import io.ashlar.vduse.blk.VirtioBlkConfig;
import io.ashlar.vduse.device.BridgedDevice;
import io.ashlar.vduse.device.FakeKernel;
import io.ashlar.vduse.device.HeldDevice;
import io.ashlar.vduse.device.QueueAffinity;
import io.ashlar.vduse.inflight.DeviceIdentity;
import io.ashlar.vduse.inflight.DeviceLog;
import io.ashlar.vduse.vring.DriverModel;
import io.ashlar.vduse.vring.DriverModel.Piece;
import java.io.IOException;
import java.nio.file.Path;
import java.util.BitSet;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What becomes of a device of the kernel, which is a model here, when something about it hangs or fails. */
@Timeout(120)
class HangingDeviceTest {
    private static final int OUT = 1;
    private static final byte IO_ERROR = 1;
    private static final int WAIT_SECONDS = 60;
    /** Where a request is in the driver's memory. */
    private static final int AT = 4096;

    @TempDir
    Path folder;

    private final HeldDevice volume = new HeldDevice(1 << 20);
    private EpollLoops data;
    private BridgeParts parts;
    private FakeKernel kernel;
    private BridgedDevice device;
    private DriverModel ring;
    private AttachedVolume attached;

    /** Any loop will do. */
    private static final class AnyLoop implements QueueAffinity {
        @Override
        public BitSet read(int queue) {
            return EpollLoops.allowedCpus();
        }

        @Override
        public void write(int queue, BitSet cpus) {}

        @Override
        public Path file(int queue) {
            return null;
        }
    }

    @BeforeEach
    void start() throws Exception {
        BridgeConfig config = BridgeConfig.defaults().withControlSocket(folder.resolve("run/bridge.sock"));
        data = EpollLoops.pinned("data", BridgeDaemon.cpusToUse(config));
        VolumeOpener nowhere = (name, readOnly, steal) -> {
            throw new IOException("nothing is to be opened");
        };
        parts = BridgeParts.open(config, StateFolder.open(config.controlSocket()), data, nowhere);
        kernel = new FakeKernel(folder.resolve("memory"), 1);
        UUID id = new UUID(1, 2);
        DeviceLog log = DeviceLog.ofThisProcess(new DeviceIdentity(id, "ashlar-test", -1, 1, FakeKernel.RING_SIZE, 0));
        device = new BridgedDevice(
                "ashlar-test",
                kernel,
                new VirtioBlkConfig(volume.geometry(), "serial", 1, 16, 1 << 16, true, true),
                volume,
                parts.loops(),
                new AnyLoop(),
                log);
        parts.onControlLoop("open", () -> {
            device.open();
            return null;
        });
        bindDriver();
        attached = new AttachedVolume("v", AttachedVolume.State.ATTACHED);
        // As a node that hangs has it: requests end when the volume's connections do, and not before.
        volume.whenClosed(volume::failHeld);
        var opened = new VolumeOpener.OpenedVolume(volume, id);
        attached.opened(
                opened,
                device,
                new AttachmentRecord(1, "v", id.toString(), "ashlar-test", false, 1, 16, 0, 0, 1, null));
        attached.appearedAs("vda");
        parts.pushVolume(attached.teardown(), opened);
        parts.pushClose(attached.teardown(), device, "ashlar-test");
        attached.teardown().pushRemoval("take the device off the bus", this::awaitAnswer);
    }

    @AfterEach
    void end() throws Exception {
        volume.letGo();
        CountDownLatch closed = new CountDownLatch(1);
        parts.loops().control().execute(() -> device.close(closed::countDown));
        assertThat(closed.await(WAIT_SECONDS, TimeUnit.SECONDS)).isTrue();
        parts.close();
        data.close();
        kernel.destroy();
    }

    private void bindDriver() throws Exception {
        ring = kernel.newRings(0);
        ring.enableCalls();
        for (int status : new int[] {0, 1, 3, 0xB, 0xF}) {
            if (status == 0xB) {
                kernel.negotiate(1L << 33 | 1L << 32 | 1L << 29 | 1L << 28);
            }
            assertThat(kernel.sendStatus(status).get(WAIT_SECONDS, TimeUnit.SECONDS))
                    .isTrue();
        }
    }

    private void offerAWrite() throws InterruptedException {
        volume.hold();
        kernel.mapData();
        kernel.memory().putInt(AT, OUT).putInt(AT + 4, 0).putLong(AT + 8, 8).put(AT + 8192, (byte) 0xEE);
        ring.offer(ring.chain(
                List.of(new Piece(AT, 16, false), new Piece(AT + 4096, 4096, false), new Piece(AT + 8192, 1, true))));
        ring.show();
        kernel.kick(0);
        assertThat(volume.arrivals.poll(WAIT_SECONDS, TimeUnit.SECONDS)).isNotNull();
    }

    /** What the kernel does for a minute at most, before it is given up. */
    private void awaitAnswer() throws InterruptedException, TimeoutException {
        long deadlineNs = System.nanoTime() + TimeUnit.SECONDS.toNanos(WAIT_SECONDS);
        while (!ring.poll()) {
            if (!kernel.awaitInterrupt() && System.nanoTime() - deadlineNs > 0) {
                throw new TimeoutException();
            }
        }
    }

    /** Nothing shows this device in /sys, where it would be told the size of its bounce window. */
    @Test
    void shouldCloseTheDescriptorOfADeviceThatCanNotBeSetUp() {
        AttachSequence sequence = new AttachSequence(parts, new AttachedVolume("w", AttachedVolume.State.ATTACHING));
        int before = kernel.closes();
        assertThatThrownBy(() -> sequence.setUpOrClose(kernel, attached.details()))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("bounce_size");
        assertThat(kernel.closes()).isEqualTo(before + 1);
    }

    @Test
    void shouldKeepTheVolumeInAHandoverWhenTheControlLoopHangs() throws Exception {
        AtomicBoolean letGo = new AtomicBoolean();
        var opened = new VolumeOpener.OpenedVolume(
                volume, new UUID(1, 2), 0, VolumeOpener.NodeBoot.NONE, () -> letGo.set(true), () -> true);
        AttachedVolume other = new AttachedVolume("w", AttachedVolume.State.ATTACHED);
        other.opened(opened, device, attached.details());
        parts.pushVolume(other.teardown(), opened);
        parts.pushClose(other.teardown(), device, "w");
        CountDownLatch hanging = new CountDownLatch(1);
        parts.loops().control().execute(() -> {
            try {
                hanging.await();
            } catch (InterruptedException e) {
                throw new IllegalStateException(e);
            }
        });
        ExecutorService background = Executors.newCachedThreadPool();
        List<String> leaving = new Departure(parts, List.of(other), background).letGo(() -> false);
        hanging.countDown();
        background.shutdown();
        assertThat(leaving).hasSize(1);
        assertThat(letGo).as("its driver could get errors still").isFalse();
        assertThat(other.opened()).isSameAs(opened);
    }

    /** The kernel waits for all I/O before it takes a device off its bus. */
    @Test
    void shouldEndWhatIsInFlightWithAnErrorWhenTheNodeHangs() throws Exception {
        offerAWrite();
        Detachment ended = new DetachSequence(parts, attached).detach(true);
        assertThat(ended.failedRequests()).isEqualTo(1);
        assertThat(kernel.memory().get(AT + 8192)).isEqualTo(IO_ERROR);
    }
}
