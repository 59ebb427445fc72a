package io.ashlar.vduse.vhost;

import static io.ashlar.vduse.vhost.FrontEndModel.number;
import static io.ashlar.vduse.vhost.FrontEndModel.payload;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.ashlar.base.sys.Linux;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** Rings that are stopped, enabled and started again while a front end is connected. */
class VhostRingsTest extends VhostUserFixture {
    @Test
    void shouldGoOnWhereItStoppedWhenARingIsStoppedAndStartedAgain() throws Exception {
        connect();
        for (int i = 0; i < 10; i++) {
            write(0, i, i + 1);
        }
        assertThat(front.base(0)).isEqualTo(10);
        int at = offer(0, FrontEndModel.OUT, 99, 9);
        assertThat(volume.bytes().getByte(99 * 4096)).isZero();
        front.describe(0, 10);
        front.awaitUsed(0);
        assertThat(memory.memory().get(at + 8192)).isZero();
        assertThat(volume.bytes().getByte(99 * 4096)).isEqualTo((byte) 9);
        write(1, 100, 3);
    }

    @Test
    void shouldAnswerTheRingsBaseOnlyWhenNothingIsInFlight() throws Exception {
        connect();
        volume.hold();
        int at = offer(0, FrontEndModel.OUT, 5, 5);
        volume.arrivals.poll(WAIT_SECONDS, TimeUnit.SECONDS);
        front.send(FrontEndModel.GET_VRING_BASE, 0, payload(0, 0));
        Thread.sleep(50);
        assertThat(memory.memory().get(at + 8192)).isEqualTo((byte) 0xEE);
        volume.letGo();
        assertThat(front.receive(FrontEndModel.GET_VRING_BASE).getIntLE(4)).isEqualTo(1);
        assertThat(memory.memory().get(at + 8192))
                .as("answered before the base was")
                .isZero();
    }

    @Test
    void shouldServeARingOnlyWhenItIsEnabled() throws Exception {
        front = new FrontEndModel(path);
        front.negotiate();
        memory = front.memory(0, MIB);
        front.rings(memory, 1, 0);
        front.setMemory();
        front.describe(0, 0);
        offer(0, FrontEndModel.OUT, 1, 1);
        Thread.sleep(20);
        assertThat(volume.bytes().getByte(4096)).isZero();
        front.enable(0);
        front.awaitUsed(0);
        assertThat(volume.bytes().getByte(4096)).isEqualTo((byte) 1);
        assertThat(front.tell(FrontEndModel.SET_VRING_ENABLE, payload(0, 0))).isTrue();
        offer(0, FrontEndModel.OUT, 2, 2);
        Thread.sleep(20);
        assertThat(volume.bytes().getByte(8192)).isZero();
        front.enable(0);
        front.awaitUsed(0);
    }

    @Test
    void shouldTakeAnotherCallDescriptorWhileBusy() throws Exception {
        connect();
        for (int i = 0; i < 50; i++) {
            volume.hold();
            offer(0, FrontEndModel.OUT, i, i);
            offer(1, FrontEndModel.OUT, 100, i);
            int old = front.calls.set(0, Linux.eventfd());
            assertThat(front.tell(FrontEndModel.SET_VRING_CALL, number(0), front.calls.get(0)))
                    .isTrue();
            front.rings.get(0).enableCalls();
            volume.letGo();
            long deadlineNs = System.nanoTime() + TimeUnit.SECONDS.toNanos(WAIT_SECONDS);
            while (!front.signalled(front.calls.get(0))) {
                FrontEndModel.pause(deadlineNs);
            }
            assertThat(front.signalled(old)).isFalse();
            assertThat(front.rings.get(0).poll()).isTrue();
            front.awaitUsed(1);
            Linux.close(old);
        }
        assertThat(front.tell(FrontEndModel.SET_VRING_CALL, number(0x100))).isTrue();
        offer(0, FrontEndModel.OUT, 1, 77);
        while (!front.rings.get(0).poll()) {
            Thread.onSpinWait();
        }
        assertThat(front.signalled(front.calls.get(0)))
                .as("nobody wants to be called")
                .isFalse();
    }

    @Test
    void shouldRefuseToBeginWhereRequestsWouldBeLeftOut() throws Exception {
        connect();
        write(0, 1, 1);
        assertThat(front.base(0)).isEqualTo(1);
        assertThatThrownBy(() -> front.describe(0, 3)).hasMessageContaining("refused");
        assertThat(front.tell(FrontEndModel.SET_VRING_BASE, payload(0, 1))).isTrue();
        front.enable(0);
        write(0, 2, 2);
    }
}
