package io.ashlar.vduse.device;

import static org.assertj.core.api.Assertions.assertThat;

import io.ashlar.base.net.EpollLoop;
import io.ashlar.base.net.EpollLoops;
import io.ashlar.vduse.blk.VirtioBlkConfig;
import io.ashlar.vduse.inflight.DeviceIdentity;
import io.ashlar.vduse.inflight.DeviceLog;
import io.ashlar.vduse.inflight.InflightException;
import io.ashlar.vduse.vring.DriverModel;
import io.ashlar.vduse.vring.DriverModel.Piece;
import io.netty.buffer.ByteBuf;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import org.assertj.core.api.Assumptions;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The device against a model of the kernel: real loops, real eventfds, real mappings. */
class BridgedDeviceTest {
    private static final int IN = 0;
    private static final int OUT = 1;
    private static final int WAIT_SECONDS = 60;
    /** Header, data and status of request n of a queue lie in three pages of the bounce window. */
    private static final int PAGES = 3;

    @TempDir
    Path folder;

    private EpollLoops controls;
    private EpollLoop control;
    private EpollLoops data;
    private BitSet cpus;
    private AffinityWatch watch;
    private CpuWatch cpuWatch;
    private volatile BitSet online;
    private final List<Integer> back = new CopyOnWriteArrayList<>();
    private FakeKernel kernel;
    private HeldDevice volume;
    private BridgedDevice device;
    private FakeAffinity affinity;
    private DeviceLog log;
    private DriverModel[] rings;
    private int nextRequest;

    @BeforeEach
    void start() throws Exception {
        cpus = EpollLoops.allowedCpus();
        online = cpus;
        controls = EpollLoops.floating("control", 1);
        control = controls.all().get(0);
        data = EpollLoops.pinned("data", cpus);
        watch = control.eventLoop().submit(() -> AffinityWatch.start(control)).get();
        kernel = new FakeKernel(folder.resolve("memory"), 2);
        volume = new HeldDevice(1 << 20);
        affinity = new FakeAffinity(2);
        log = DeviceLog.ofThisProcess(
                new DeviceIdentity(new UUID(1, 2), "ashlar-test", -1, 2, FakeKernel.RING_SIZE, 0));
        device = newDevice();
        control.eventLoop().submit(device::open).get();
    }

    private BridgedDevice newDevice() {
        VirtioBlkConfig config = new VirtioBlkConfig(volume.geometry(), "serial", 2, 16, 1 << 16, true, true);
        QueuePlacement placement = new QueuePlacement(cpus, false);
        cpuWatch = new CpuWatch(this::online, placement, back::add);
        var loops = new BridgedDevice.Loops(control, data, placement, watch, cpuWatch);
        return new BridgedDevice("ashlar-test", kernel, config, volume, loops, affinity, log);
    }

    private BitSet online() throws IOException {
        if (online == null) {
            throw new IOException("nobody knows");
        }
        return (BitSet) online.clone();
    }

    @AfterEach
    void end() throws Exception {
        volume.letGo();
        close(device);
        assertThat(Files.readString(Path.of("/proc/self/maps")).lines().filter(line -> line.endsWith("/memory")))
                .as("mappings left: only the driver's own")
                .hasSize(1);
        control.eventLoop().submit(watch::close).get();
        data.close();
        controls.close();
        kernel.destroy();
    }

    private void close(BridgedDevice closing) throws Exception {
        CompletableFuture<Void> closed = new CompletableFuture<>();
        control.execute(() -> closing.close(() -> closed.complete(null)));
        closed.get(WAIT_SECONDS, TimeUnit.SECONDS);
    }

    private void bindDriver() throws Exception {
        rings = new DriverModel[] {kernel.newRings(0), kernel.newRings(1)};
        for (DriverModel ring : rings) {
            ring.enableCalls();
        }
        for (int status : new int[] {0, 1, 3}) {
            assertThat(status(status)).isTrue();
        }
        kernel.negotiate(1L << 33 | 1L << 32 | 1L << 29 | 1L << 28);
        assertThat(status(0xB)).isTrue();
        assertThat(status(0xF)).isTrue();
    }

    private boolean status(int status) throws Exception {
        return kernel.sendStatus(status).get(WAIT_SECONDS, TimeUnit.SECONDS);
    }

    /** Offers a request for 4 KiB; returns the first byte of its pages. */
    private int offer(int queue, int type, int block, int fill) {
        int at = 4096 * (PAGES * nextRequest++ + 1);
        ByteBuffer memory = kernel.memory();
        memory.putInt(at, type).putInt(at + 4, 0).putLong(at + 8, block * 8L);
        for (int i = 0; i < 4096; i++) {
            memory.put(at + 4096 + i, (byte) fill);
        }
        memory.put(at + 8192, (byte) 0xEE);
        int head = rings[queue].chain(List.of(
                new Piece(at, 16, false), new Piece(at + 4096, 4096, type == IN), new Piece(at + 8192, 1, true)));
        rings[queue].offer(head);
        if (rings[queue].show()) {
            kernel.kick(queue);
        }
        return at;
    }

    private int statusOf(int at) {
        return kernel.memory().get(at + 8192);
    }

    private byte dataOf(int at) {
        return kernel.memory().get(at + 4096 + 123);
    }

    /** Waits for the device's interrupt, as a driver does. */
    private void awaitUsed(int queue) throws InterruptedException {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(WAIT_SECONDS);
        while (!rings[queue].poll()) {
            if (!kernel.awaitInterrupt()) {
                assertThat(System.nanoTime()).as("no answer from the device").isLessThan(deadline);
            }
        }
        rings[queue].enableCalls();
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
    void shouldPutEachQueueOnTheLoopOfItsAffinityAndNarrowWideMasks() throws Exception {
        affinity.set(0, cpus);
        affinity.set(1, last());
        bindDriver();
        List<Integer> served = control.eventLoop().submit(device::queueCpus).get();
        assertThat(served.get(1)).isEqualTo(last().nextSetBit(0));
        assertThat(affinity.read(0)).as("narrowed").isEqualTo(bit(served.get(0)));
        offer(1, IN, 0, 0);
        assertThat(arrival()).isEqualTo("data-" + served.get(1));
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
    void shouldMoveAQueueOnceItsRequestsHaveEndedWhenItsAffinityIsChanged() throws Exception {
        affinity.set(0, first());
        bindDriver();
        volume.hold();
        offer(0, OUT, 1, 'a');
        assertThat(arrival()).isEqualTo("data-" + first().nextSetBit(0));
        affinity.set(0, last());
        offer(0, OUT, 2, 'b');
        volume.letGo();
        awaitUsed(0);
        awaitUsed(0);
        assertThat(volume.bytes().getByte(4096)).isEqualTo((byte) 'a');
        assertThat(volume.bytes().getByte(2 * 4096)).isEqualTo((byte) 'b');
        String wanted = "data-" + last().nextSetBit(0);
        String loop = "";
        while (!loop.equals(wanted)) {
            nextRequest = 0; // the memory is not for as many as there may be before the change is seen
            offer(0, OUT, 3, 'c');
            loop = arrival();
            awaitUsed(0);
        }
        assertThat(control.eventLoop().submit(device::queueCpus).get().get(0)).isEqualTo(last().nextSetBit(0));
    }

    @Test
    void shouldNotLoseAKickWhileAQueueMovesToAndFro() throws Exception {
        bindDriver();
        for (int i = 0; i < 200; i++) {
            affinity.set(0, i % 2 == 0 ? last() : first());
            nextRequest = 0;
            offer(0, OUT, i % 200, i);
            awaitUsed(0);
        }
        assertThat(volume.arrivals).hasSize(200);
    }

    @Test
    void shouldMoveAQueueAndItsMaskWhenItsCpuGoesOfflineAndBackWhenItReturns() throws Exception {
        Assumptions.assumeThat(cpus.cardinality()).as("CPUs").isGreaterThan(1);
        affinity.set(0, last());
        bindDriver();
        assertThat(served()).isEqualTo(last());
        setOnline(without(last()));
        assertThat(cpus.get(served().nextSetBit(0))).isTrue();
        assertThat(served()).as("elsewhere").isNotEqualTo(last());
        assertThat(affinity.read(0))
                .as("else interrupts would look for an online CPU for ever")
                .isEqualTo(served());
        offer(0, OUT, 1, 'a');
        awaitUsed(0);
        assertThat(volume.bytes().getByte(4096)).isEqualTo((byte) 'a');
        assertThat(back).isEmpty();

        setOnline(cpus);
        assertThat(back).as("pinned again").containsExactly(last().nextSetBit(0));
        assertThat(affinity.read(0)).isEqualTo(last());
        assertThat(served()).isEqualTo(last());
        offer(0, OUT, 2, 'b');
        awaitUsed(0);
        assertThat(volume.bytes().getByte(2 * 4096)).isEqualTo((byte) 'b');
    }

    @Test
    void shouldGiveCompletionsAnyOnlineCpuWhenAllCpusOfTheBridgeAreOffline() throws Exception {
        bindDriver();
        assertThat(served().isEmpty()).isFalse(); // the masks are written after the answer
        BitSet before = affinity.read(0);
        BitSet foreign = bit(cpus.length());
        setOnline(foreign);
        assertThat(affinity.read(0)).isEqualTo(foreign);
        assertThat(affinity.read(1)).isEqualTo(foreign);
        setOnline(cpus);
        assertThat(affinity.read(0)).isEqualTo(before);
        assertThat(cpus.get(served().nextSetBit(0))).isTrue();
    }

    @Test
    void shouldNoticeACpuThatWentOfflineBeforeTheDriverWasBound() throws Exception {
        affinity.set(0, last());
        setOnline(bit(cpus.length()));
        bindDriver();
        assertThat(served().isEmpty()).isFalse(); // the masks are written after the answer
        assertThat(affinity.read(0)).isEqualTo(bit(cpus.length()));
    }

    @Test
    void shouldKeepTheWordOfAnOperatorWhoMovesAQueueWhileItsCpuIsOffline() throws Exception {
        Assumptions.assumeThat(cpus.cardinality()).as("CPUs").isGreaterThan(1);
        affinity.set(0, last());
        bindDriver();
        setOnline(without(last()));
        BitSet moved = served();
        affinity.set(0, cpus);
        control.eventLoop().submit(watch::check).get();
        setOnline(cpus);
        assertThat(affinity.read(0)).isEqualTo(cpus);
        assertThat(served()).isEqualTo(moved);
    }

    @Test
    void shouldGoOnWhenItCannotTellWhichCpusAreOnline() throws Exception {
        bindDriver();
        BitSet before = served();
        setOnline(null);
        assertThat(served()).isEqualTo(before);
    }

    /** The CPU of queue 0's loop. */
    private BitSet served() throws Exception {
        return bit(control.eventLoop().submit(device::queueCpus).get().get(0));
    }

    private void setOnline(BitSet now) throws Exception {
        online = now;
        control.eventLoop().submit(cpuWatch::check).get();
    }

    private BitSet without(BitSet gone) {
        BitSet rest = (BitSet) cpus.clone();
        rest.andNot(gone);
        return rest;
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

    /** What the control loop has told the data loops has been done. */
    private void awaitLoops() throws Exception {
        for (EpollLoop loop : data.all()) {
            loop.eventLoop().submit(() -> {}).get();
        }
    }

    private String arrival() throws InterruptedException {
        String loop = volume.arrivals.poll(WAIT_SECONDS, TimeUnit.SECONDS);
        assertThat(loop).as("no request reached the volume").isNotNull();
        return loop;
    }

    private BitSet first() {
        return bit(cpus.nextSetBit(0));
    }

    private BitSet last() {
        return bit(cpus.length() - 1);
    }

    private static BitSet bit(int cpu) {
        BitSet set = new BitSet();
        set.set(cpu);
        return set;
    }

    /** Masks in files, so that inotify sees a change as it does in /sys. */
    private final class FakeAffinity implements QueueAffinity {
        FakeAffinity(int queues) throws IOException {
            for (int i = 0; i < queues; i++) {
                set(i, cpus);
            }
        }

        void set(int queue, BitSet mask) throws IOException {
            Files.writeString(file(queue), CpuMask.format(mask), StandardCharsets.US_ASCII);
        }

        @Override
        public BitSet read(int queue) throws IOException {
            String text = Files.readString(file(queue), StandardCharsets.US_ASCII);
            // Between truncation and writing, which /sys does not know, the file is empty.
            return text.isEmpty() ? new BitSet() : CpuMask.parse(text);
        }

        @Override
        public void write(int queue, BitSet mask) throws IOException {
            set(queue, mask);
        }

        @Override
        public Path file(int queue) {
            return folder.resolve("vq" + queue);
        }
    }
}
