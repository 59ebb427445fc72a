package io.ashlar.vduse.device;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** The device and its driver: messages, requests, resets, and the end. */
class BridgedDeviceTest extends BridgedDeviceFixture {
    private byte dataOf(int at) {
        return kernel.memory().get(at + 4096 + 123);
    }

    @Test
    void shouldServeBothQueuesWhenTheDriverIsReady() throws Exception {
        bindDriver();
        int write = offer(0, OUT, 5, 'w');
        awaitUsed(0);
        int read = offer(1, IN, 5, 0);
        awaitUsed(1);
        assertThat(statusOf(write)).isZero();
        assertThat(statusOf(read)).isZero();
        assertThat(dataOf(read)).isEqualTo((byte) 'w');
        awaitInterrupts();
    }

    /** An interrupt comes after the used element that it is for. */
    private void awaitInterrupts() throws InterruptedException {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(WAIT_SECONDS);
        while (kernel.interrupts(0) == 0 || kernel.interrupts(1) == 0) {
            if (!kernel.awaitInterrupt()) {
                assertThat(System.nanoTime()).as("no interrupt").isLessThan(deadline);
            }
        }
    }

    @Test
    void shouldRefuseFeaturesThatWereNotOffered() throws Exception {
        status(0);
        kernel.negotiate(1L << 33 | 1L << 32 | 1L << 34);
        assertThat(status(0xB)).isFalse();
    }

    @Test
    void shouldAnswerAResetAtOnceAndLeaveTheDriversMemoryAloneWhenStorageHangs() throws Exception {
        bindDriver();
        volume.hold();
        int write = offer(0, OUT, 1, 'a');
        int read = offer(1, IN, 2, 'b');
        arrival();
        arrival();
        assertThat(status(0)).as("answered though nothing has completed").isTrue();
        int interrupts = kernel.interrupts(0) + kernel.interrupts(1);
        // The memory is the next driver's now.
        for (int i = 0; i < 4096; i++) {
            kernel.memory().put(write + 4096 + i, (byte) 'x');
            kernel.memory().put(read + 4096 + i, (byte) 'y');
        }
        volume.bytes().setByte(2 * 4096 + 123, 'z');
        volume.letGo();
        bindDriver();
        offer(0, IN, 1, 0);
        awaitUsed(0);
        assertThat(volume.bytes().getByte(4096 + 123)).as("the write as it was").isEqualTo((byte) 'a');
        assertThat(dataOf(write)).isEqualTo((byte) 'x');
        assertThat(dataOf(read)).as("a late read does not land").isEqualTo((byte) 'y');
        assertThat(statusOf(write)).isEqualTo((byte) 0xEE);
        assertThat(statusOf(read)).isEqualTo((byte) 0xEE);
        assertThat(kernel.interrupts(1)).as("no call for abandoned requests").isLessThanOrEqualTo(interrupts);
    }

    @Test
    void shouldServeTheNextDriverWhileRequestsOfTheLastOneHang() throws Exception {
        bindDriver();
        volume.hold();
        offer(0, OUT, 1, 'a');
        arrival();
        status(0);
        bindDriver();
        volume.letGo();
        int read = offer(0, IN, 7, 1);
        awaitUsed(0);
        assertThat(statusOf(read)).isZero();
        assertThat(dataOf(read)).isZero();
    }

    @Test
    void shouldAnswerEveryMessageWhileStorageHangs() throws Exception {
        bindDriver();
        volume.hold();
        offer(0, OUT, 1, 'a');
        arrival();
        assertThat(result(ControlMessage.GET_VQ_STATE, 0, 0)).isEqualTo(ControlMessage.RESULT_FAILED);
        assertThat(result(ControlMessage.UPDATE_IOTLB, 0, -1)).isEqualTo(ControlMessage.RESULT_FAILED);
        assertThat(result(77, 0, 0)).isEqualTo(ControlMessage.RESULT_FAILED);
        assertThat(status(0xF)).isTrue();
        status(0);
        assertThat(result(ControlMessage.GET_VQ_STATE, 1, 0)).isEqualTo(ControlMessage.RESULT_OK);
        assertThat(result(ControlMessage.GET_VQ_STATE, 2, 0)).isEqualTo(ControlMessage.RESULT_FAILED);
        assertThat(result(ControlMessage.UPDATE_IOTLB, 0, -1)).isEqualTo(ControlMessage.RESULT_OK);
    }

    private int result(int type, long first, long second) throws Exception {
        ByteBuf answer = kernel.send(type, first, second).get(WAIT_SECONDS, TimeUnit.SECONDS);
        return answer.getIntLE(ControlMessage.RESULT_OFFSET);
    }

    @Test
    void shouldRepeatACallThatTheKernelRefusesBecauseItCameTooEarly() throws Exception {
        bindDriver();
        kernel.setStatusSilently(3);
        offer(0, OUT, 1, 'a');
        arrival();
        while (kernel.refusedInterrupts == 0) {
            Thread.onSpinWait();
        }
        kernel.setStatusSilently(0xF);
        while (kernel.interrupts(0) == 0) {
            Thread.onSpinWait();
        }
        awaitUsed(0);
        assertThat(kernel.interrupts(0)).isPositive();
    }

    @Test
    void shouldEndRequestsWithErrorsWhenTheVolumeIsGivenUp() throws Exception {
        bindDriver();
        volume.hold();
        volume.endOnClose();
        int write = offer(0, OUT, 1, 'a');
        arrival();
        device.fail();
        awaitUsed(0);
        assertThat(statusOf(write)).as("VIRTIO_BLK_S_IOERR").isEqualTo(1);
        int later = offer(0, IN, 1, 'b');
        awaitUsed(0);
        assertThat(statusOf(later)).isEqualTo(1);
    }

    @Test
    void shouldBeCutOffWhileRequestsAreInFlightAndLetGoOfTheKernelOnce() throws Exception {
        bindDriver();
        volume.hold();
        offer(0, OUT, 1, 'a');
        arrival();
        CompletableFuture<Void> cutOff = new CompletableFuture<>();
        CompletableFuture<Void> closed = new CompletableFuture<>();
        control.execute(() -> device.close(() -> cutOff.complete(null), () -> closed.complete(null)));
        cutOff.get(WAIT_SECONDS, TimeUnit.SECONDS);
        assertThat(closed).isNotDone();
        CompletableFuture<Void> cutOffAgain = new CompletableFuture<>();
        CompletableFuture<Void> closedAgain = new CompletableFuture<>();
        control.execute(() -> device.close(() -> cutOffAgain.complete(null), () -> closedAgain.complete(null)));
        cutOffAgain.get(WAIT_SECONDS, TimeUnit.SECONDS);
        volume.letGo();
        closed.get(WAIT_SECONDS, TimeUnit.SECONDS);
        closedAgain.get(WAIT_SECONDS, TimeUnit.SECONDS);
        assertThat(kernel.closes()).isEqualTo(1);
        volume.grow(2 << 20);
        control.eventLoop().submit(() -> {}).get();
        assertThat(kernel.configInterrupts)
                .as("told to a descriptor that may be another device's")
                .isZero();
    }

    @Test
    void shouldTellTheDriverWhenTheVolumeGrows() throws Exception {
        bindDriver();
        volume.grow(2 << 20);
        control.eventLoop().submit(() -> {}).get();
        assertThat(ByteBuffer.wrap(kernel.configWritten)
                        .order(ByteOrder.LITTLE_ENDIAN)
                        .getLong())
                .isEqualTo((2 << 20) / 512);
        assertThat(kernel.configInterrupts).isEqualTo(1);
    }

    @Test
    void shouldStayQuietWhenTheKernelHasGivenTheDeviceUp() throws Exception {
        bindDriver();
        kernel.breakDevice();
        CompletableFuture<Boolean> unanswered = kernel.sendStatus(0);
        control.eventLoop().submit(() -> {}).get();
        assertThat(unanswered).isNotDone();
    }
}
