package io.ashlar.vduse.device;

import static org.assertj.core.api.Assertions.assertThat;

import io.ashlar.base.net.EpollLoop;
import io.ashlar.vduse.inflight.DeviceLog;
import io.ashlar.vduse.inflight.InflightException;
import io.ashlar.vduse.vring.DriverModel;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.assertj.core.api.Assumptions;
import org.junit.jupiter.api.Test;

/** A device that one bridge leaves and another one, or nobody, goes on with. */
class DeviceTakeoverTest extends BridgedDeviceFixture {
    @Test
    void shouldServeWhatAPredecessorHasLeftUnanswered() throws Exception {
        bindDriver();
        int done = offer(0, OUT, 1, 'a');
        awaitUsed(0);
        volume.hold();
        List<Integer> left = new ArrayList<>();
        for (int i = 2; i < 6; i++) {
            left.add(offer(0, OUT, i, 'b'));
            arrival();
        }
        BridgedDevice dead = device;
        CompletableFuture<Void> drained = new CompletableFuture<>();
        control.execute(() -> dead.close(() -> drained.complete(null)));
        control.eventLoop().submit(() -> {}).get();
        device = newDevice();
        assertThat(resume()).isNull();
        volume.letGo();
        for (int at : left) {
            awaitUsed(0);
            assertThat(statusOf(at)).isZero();
        }
        drained.get(WAIT_SECONDS, TimeUnit.SECONDS);
        assertThat(statusOf(done)).isZero();
        assertThat(volume.bytes().getByte(5 * 4096)).isEqualTo((byte) 'b');
    }

    private Exception resume() throws Exception {
        CompletableFuture<Exception> resumed = new CompletableFuture<>();
        control.execute(() -> device.resume(resumed::complete));
        return resumed.get(WAIT_SECONDS, TimeUnit.SECONDS);
    }

    @Test
    void shouldCallADriverThatItsPredecessorMayHaveFailedToCall() throws Exception {
        bindDriver();
        close(device);
        int before = kernel.interrupts(0);
        device = newDevice();
        assertThat(resume()).isNull();
        assertThat(kernel.awaitInterrupt()).isTrue();
        for (EpollLoop loop : data.all()) {
            loop.eventLoop().submit(() -> {}).get();
        }
        assertThat(kernel.interrupts(0)).isGreaterThan(before);
    }

    @Test
    void shouldWaitForTheDriversMessageWhenTheLogTellsOfNoDriver() throws Exception {
        bindDriver();
        close(device);
        log.end(); // it was killed between this and its answer to the reset
        offer(0, OUT, 1, 'a');
        device = newDevice();
        assertThat(resume()).isNull();
        assertThat(status(0)).isTrue();
        assertThat(volume.arrivals).isEmpty();
        bindDriver();
        offer(0, OUT, 1, 'b');
        awaitUsed(0);
        assertThat(volume.bytes().getByte(4096)).isEqualTo((byte) 'b');
    }

    @Test
    void shouldSubmitNothingOfADriverWhenTheLogOfAnyQueueDoesNotFit() throws Exception {
        bindDriver();
        close(device);
        offer(0, OUT, 1, 'a');
        log.region(1).reset(FakeKernel.RING_SIZE, 77);
        device = newDevice();
        assertThat(resume()).isInstanceOf(InflightException.class).hasMessageContaining("behind a ring");
        assertThat(volume.arrivals).isEmpty();
        assertThat(rings[0].poll()).isFalse();
    }

    @Test
    void shouldSubmitNothingOfADriverWhoseFeaturesItDoesNotKnow() throws Exception {
        bindDriver();
        close(device);
        offer(0, OUT, 1, 'a');
        kernel.negotiate(1L << 40 | 1L << 33 | 1L << 32);
        device = newDevice();
        assertThat(resume()).isInstanceOf(InflightException.class).hasMessageContaining("features");
        assertThat(volume.arrivals).isEmpty();
    }

    @Test
    void shouldServeNothingNewBeforeWhatWasInFlightOnAnotherQueue() throws Exception {
        Assumptions.assumeThat(cpus.cardinality()).as("CPUs").isGreaterThan(1);
        bindDriver();
        volume.hold();
        offer(0, OUT, 1, 'a');
        String loopOfTheOld = arrival();
        BridgedDevice dead = device;
        control.eventLoop().submit(() -> dead.close(() -> {})).get();
        awaitLoops();
        for (int i = 0; i < 4; i++) {
            offer(1, OUT, 2 + i, 'b');
        }
        device = newDevice();
        assertThat(resume()).isNull();
        assertThat(arrival()).isEqualTo(loopOfTheOld);
        volume.letGo();
        awaitUsed(0);
    }

    @Test
    void shouldFollowMasksAndCpusOfADeviceThatItHasTakenOver() throws Exception {
        Assumptions.assumeThat(cpus.cardinality()).as("CPUs").isGreaterThan(1);
        bindDriver();
        close(device);
        affinity.set(0, cpus);
        device = newDevice();
        assertThat(resume()).isNull();
        assertThat(affinity.read(0)).as("narrowed").isEqualTo(served());
        affinity.set(0, last());
        control.eventLoop().submit(watch::check).get();
        assertThat(served()).isEqualTo(last());
        setOnline(without(last()));
        assertThat(served()).isNotEqualTo(last());
    }

    @Test
    void shouldServeNothingButErrorsWhenItIsTakenOverToBeRemoved() throws Exception {
        bindDriver();
        close(device);
        int left = offer(0, OUT, 1, 'a');
        device = newDevice();
        device.fail();
        assertThat(resume()).isNull();
        awaitUsed(0);
        assertThat(statusOf(left)).as("VIRTIO_BLK_S_IOERR").isEqualTo(1);
        assertThat(volume.arrivals).isEmpty();
    }

    private void loseTheLog() throws Exception {
        close(device);
        log = DeviceLog.ofThisProcess(log.identity());
        device = newDevice();
        device.fail();
    }

    private Exception resumeWithoutLog() throws Exception {
        CompletableFuture<Exception> resumed = new CompletableFuture<>();
        control.execute(() -> device.resumeWithoutLog(resumed::complete));
        return resumed.get(WAIT_SECONDS, TimeUnit.SECONDS);
    }

    @Test
    void shouldServeErrorsWithoutALogWhenItsRingsTellThatNothingIsInFlight() throws Exception {
        bindDriver();
        for (int i = 0; i < 3; i++) {
            offer(0, OUT, i, 'a');
            awaitUsed(0);
        }
        volume.arrivals.clear();
        loseTheLog();
        assertThat(resumeWithoutLog()).isNull();
        for (int queue = 0; queue < 2; queue++) {
            int later = offer(queue, OUT, 1, 'b');
            awaitUsed(queue);
            assertThat(statusOf(later)).as("VIRTIO_BLK_S_IOERR").isEqualTo(1);
        }
        assertThat(volume.arrivals).isEmpty();
        assertThat(status(0)).as("taken off the bus").isTrue();
    }

    @Test
    void shouldTouchNothingWithoutALogWhenRequestsAreInFlight() throws Exception {
        bindDriver();
        offer(0, OUT, 1, 'a');
        awaitUsed(0);
        close(device);
        int left = offer(1, OUT, 2, 'b');
        loseTheLog();
        assertThat(resumeWithoutLog())
                .isInstanceOf(InflightException.class)
                .hasMessageContaining("1 requests are in flight")
                .hasMessageContaining("restart of the host");
        assertThat(rings[1].poll()).isFalse();
        assertThat(statusOf(left)).isEqualTo((byte) 0xEE);
    }

    @Test
    void shouldWaitForTheDriversMessageWithoutALogWhenNoDriverHasSetItUp() throws Exception {
        loseTheLog();
        assertThat(resumeWithoutLog()).isNull();
        bindDriver();
        int later = offer(0, OUT, 1, 'b');
        awaitUsed(0);
        assertThat(statusOf(later)).as("VIRTIO_BLK_S_IOERR").isEqualTo(1);
    }

    @Test
    void shouldFetchNothingMoreWhenItLeavesInGoodOrder() throws Exception {
        bindDriver();
        volume.hold();
        int first = offer(0, OUT, 1, 'a');
        arrival();
        CompletableFuture<Void> drained = new CompletableFuture<>();
        control.eventLoop()
                .submit(() -> device.quiesce(() -> drained.complete(null)))
                .get();
        for (EpollLoop loop : data.all()) {
            loop.eventLoop().submit(() -> {}).get();
        }
        int second = offer(0, OUT, 2, 'b');
        volume.letGo();
        drained.get(WAIT_SECONDS, TimeUnit.SECONDS);
        awaitUsed(0);
        assertThat(statusOf(first)).isZero();
        assertThat(statusOf(second)).as("left to the successor").isEqualTo((byte) 0xEE);
        assertThat(volume.arrivals).isEmpty();
    }

    @Test
    void shouldLeaveADriverThatGetsReadyToTheSuccessorWhenItHasLeft() throws Exception {
        rings = new DriverModel[] {kernel.newRings(0), kernel.newRings(1)};
        for (int status : new int[] {0, 1, 3}) {
            assertThat(status(status)).isTrue();
        }
        kernel.negotiate(1L << 33 | 1L << 32 | 1L << 29 | 1L << 28);
        assertThat(status(0xB)).isTrue();
        control.eventLoop().submit(() -> device.quiesce(() -> {})).get();
        CompletableFuture<Boolean> ready = kernel.sendStatus(0xF);
        control.eventLoop().submit(() -> {}).get();
        offer(0, OUT, 1, 'a');
        close(device);
        assertThat(ready).isNotDone();
        device = newDevice();
        assertThat(resume()).isNull();
        assertThat(ready.get(WAIT_SECONDS, TimeUnit.SECONDS)).isTrue();
        awaitUsed(0);
        assertThat(volume.bytes().getByte(4096)).isEqualTo((byte) 'a');
    }

    @Test
    void shouldLeaveToTheSuccessorWhatHasNotEndedWhenItLeaves() throws Exception {
        bindDriver();
        volume.hold();
        volume.endOnClose();
        int first = offer(0, OUT, 1, 'a');
        int second = offer(1, OUT, 2, 'b');
        arrival();
        arrival();
        control.eventLoop().submit(() -> device.quiesce(() -> {})).get();
        awaitLoops();
        int third = offer(0, OUT, 3, 'c');
        close(device);
        assertThat(new int[] {statusOf(first), statusOf(second), statusOf(third)})
                .as("not answered")
                .containsOnly((byte) 0xEE);
        volume.letGo();
        device = newDevice();
        assertThat(resume()).isNull();
        awaitUsed(0);
        awaitUsed(0);
        awaitUsed(1);
        assertThat(new int[] {statusOf(first), statusOf(second), statusOf(third)})
                .containsOnly(0);
        assertThat(volume.arrivals).as("each once more, and the new one").hasSize(3);
    }

    /** What the control loop has told the data loops has been done. */
    private void awaitLoops() throws Exception {
        for (EpollLoop loop : data.all()) {
            loop.eventLoop().submit(() -> {}).get();
        }
    }
}
