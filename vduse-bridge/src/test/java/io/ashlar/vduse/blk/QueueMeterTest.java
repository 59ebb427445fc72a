package io.ashlar.vduse.blk;

import static org.assertj.core.api.Assertions.assertThat;

import io.ashlar.base.block.BlockGeometry;
import io.ashlar.base.meter.LatencyBuckets;
import io.ashlar.base.status.Status;
import io.ashlar.base.time.Clock;
import io.ashlar.vduse.vring.ManualLoop;
import io.ashlar.vduse.vring.SplitVirtqueue;
import io.ashlar.vduse.vring.SteadyDriver;
import io.ashlar.vduse.vring.VringException;
import io.ashlar.vduse.vring.VringFault;
import io.ashlar.vduse.vring.VringOptions;
import io.ashlar.vduse.vring.VringPosition;
import java.util.Random;
import org.junit.jupiter.api.Test;

class QueueMeterTest implements QueueEvents, Clock {
    private static final int DEPTH = 64;
    private static final int DATA_BYTES = SteadyDriver.DATA_BYTES;
    private static final int GET_ID = 8;
    /** What passes between two looks at the clock. */
    private static final long TICK_NS = 1_000;

    private final QueueCounters counters = new QueueCounters();
    private final DelayingDevice device = new DelayingDevice(new BlockGeometry(1 << 20, 512, false), new Random(7), 0);
    private SteadyDriver driver;
    private long nowNs;
    private int clockReads;

    private VirtioBlkQueue open(int type) throws VringException {
        driver = new SteadyDriver(DEPTH, type, true);
        VirtioBlkConfig config = new VirtioBlkConfig(device.geometry(), "serial", 1, 256, 4096, true, false);
        SplitVirtqueue vring =
                new SplitVirtqueue(driver.layout(), new VringOptions(true, false), VringPosition.START, driver.map());
        return new VirtioBlkQueue(new ManualLoop(this), device, config, vring, driver.map(), this, counters);
    }

    @Override
    public long nowNs() {
        clockReads++;
        nowNs += TICK_NS;
        return nowNs;
    }

    @Override
    public long wallMs() {
        throw new AssertionError("nobody asks the wall clock");
    }

    @Override
    public void call() {}

    @Override
    public void broken(VringFault fault) {
        throw new AssertionError("broken by " + fault);
    }

    private long count(QueueStage stage) {
        long count = 0;
        for (int bucket = 0; bucket < LatencyBuckets.COUNT; bucket++) {
            count += counters.inBucket(stage, bucket);
        }
        return count;
    }

    private long count(RequestKind kind) {
        long count = 0;
        for (int bucket = 0; bucket < LatencyBuckets.COUNT; bucket++) {
            count += counters.inBucket(kind, bucket);
        }
        return count;
    }

    @Test
    void shouldReadTheClockOncePerBatchAndStageHoweverManyRequestsThereAre() throws VringException {
        VirtioBlkQueue queue = open(0);
        driver.offerAll();
        queue.onKick();
        assertThat(clockReads).as("kick, sent").isEqualTo(2);
        assertThat(counters.value(QueueFigure.IN_FLIGHT)).isEqualTo(DEPTH);

        nowNs += 1_000_000;
        device.complete(DEPTH);
        assertThat(clockReads).as("answered, published").isEqualTo(4);
        assertThat(counters.value(QueueFigure.IN_FLIGHT)).isZero();
        assertThat(counters.value(QueueFigure.BATCHES)).isEqualTo(1);
        assertThat(counters.value(QueueFigure.PUBLICATIONS)).isEqualTo(1);
        assertThat(counters.answers(RequestKind.READ, VirtioBlkStatus.OK)).isEqualTo(DEPTH);
        assertThat(counters.bytes(RequestKind.READ)).isEqualTo(DEPTH * DATA_BYTES);
    }

    @Test
    void shouldDivideTheTimeOfEachRequestAmongItsStages() throws VringException {
        VirtioBlkQueue queue = open(1);
        driver.offerAll();
        queue.onKick();
        nowNs += 1_000_000;
        device.complete(DEPTH);

        for (QueueStage stage : QueueStage.values()) {
            assertThat(count(stage)).as(stage.name()).isEqualTo(DEPTH);
        }
        assertThat(counters.sumNs(QueueStage.SUBMIT)).isEqualTo(DEPTH * TICK_NS);
        assertThat(counters.sumNs(QueueStage.NODE)).isEqualTo(DEPTH * (TICK_NS + 1_000_000));
        assertThat(counters.sumNs(QueueStage.COMPLETE)).isEqualTo(DEPTH * TICK_NS);
        assertThat(count(RequestKind.WRITE)).isEqualTo(DEPTH);
        assertThat(counters.sumNs(RequestKind.WRITE)).isEqualTo(DEPTH * (3 * TICK_NS + 1_000_000));
    }

    @Test
    void shouldCountAnswersWhenTheyArePublishedInWhateverOrderTheyCome() throws VringException {
        VirtioBlkQueue queue = open(0);
        driver.offerAll();
        queue.onKick();
        int published = 0;
        for (int i = 0; i < DEPTH; i++) {
            device.complete(1);
            published += driver.reap();
            assertThat(count(QueueStage.NODE)).isEqualTo(i + 1);
            assertThat(count(QueueStage.COMPLETE)).isEqualTo(published);
            assertThat(count(RequestKind.READ)).isEqualTo(published);
        }
        assertThat(published).isEqualTo(DEPTH);
        long stages = 0;
        for (QueueStage stage : QueueStage.values()) {
            stages += counters.sumNs(stage);
        }
        assertThat(counters.sumNs(RequestKind.READ))
                .as("nothing lost between stages")
                .isEqualTo(stages);
    }

    @Test
    void shouldCountFailuresByKindAndNoBytesOfThem() throws VringException {
        VirtioBlkQueue queue = open(1);
        driver.offerAll();
        queue.onKick();
        device.failWith(Status.NO_SPACE);
        device.complete(DEPTH);
        assertThat(counters.answers(RequestKind.WRITE, VirtioBlkStatus.IOERR)).isEqualTo(DEPTH);
        assertThat(counters.answers(RequestKind.WRITE, VirtioBlkStatus.OK)).isZero();
        assertThat(counters.bytes(RequestKind.WRITE)).isZero();
    }

    @Test
    void shouldLeaveStagesOutForWhatIsAnsweredWithoutTheVolume() throws VringException {
        VirtioBlkQueue queue = open(GET_ID);
        driver.offerAll();
        queue.onKick();
        assertThat(counters.answers(RequestKind.OTHER, VirtioBlkStatus.OK)).isEqualTo(DEPTH);
        assertThat(count(RequestKind.OTHER)).isEqualTo(DEPTH);
        assertThat(counters.bytes(RequestKind.OTHER)).isZero();
        assertThat(count(QueueStage.SUBMIT) + count(QueueStage.NODE) + count(QueueStage.COMPLETE))
                .isZero();
    }

    @Test
    void shouldCountNothingMoreOnceRequestsHaveBeenCutOff() throws VringException {
        VirtioBlkQueue queue = open(0);
        driver.offerAll();
        queue.onKick();
        queue.stop(StopMode.ABANDON, () -> {});
        assertThat(counters.value(QueueFigure.CUT_OFF)).isEqualTo(DEPTH);
        assertThat(counters.value(QueueFigure.IN_FLIGHT)).isZero();
        assertThat(device.pendingCount()).as("they have ended").isZero();
        assertThat(count(QueueStage.NODE)).isZero();
        assertThat(count(RequestKind.READ)).isZero();
    }
}
