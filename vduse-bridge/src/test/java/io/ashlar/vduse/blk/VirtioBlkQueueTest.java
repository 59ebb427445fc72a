package io.ashlar.vduse.blk;

import static org.assertj.core.api.Assertions.assertThat;

import io.ashlar.base.block.BlockGeometry;
import io.ashlar.base.status.Status;
import io.ashlar.vduse.inflight.InflightException;
import io.ashlar.vduse.inflight.QueueRegion;
import io.ashlar.vduse.vring.Access;
import io.ashlar.vduse.vring.DriverModel;
import io.ashlar.vduse.vring.DriverModel.Piece;
import io.ashlar.vduse.vring.GuestMemory;
import io.ashlar.vduse.vring.ManualLoop;
import io.ashlar.vduse.vring.MemoryMap;
import io.ashlar.vduse.vring.SplitVirtqueue;
import io.ashlar.vduse.vring.VringException;
import io.ashlar.vduse.vring.VringFault;
import io.ashlar.vduse.vring.VringOptions;
import io.ashlar.vduse.vring.VringPosition;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class VirtioBlkQueueTest implements QueueEvents {
    private static final long RINGS = 0x10000;
    private static final long DATA = 0x40000;
    private static final int STATUS_AT = 0x8000;
    private static final int NUM = 256;
    private static final byte UNTOUCHED = (byte) 0xEE;

    private final GuestMemory guest =
            new GuestMemory(1 << 20).region(RINGS, 8192, Access.READ_WRITE).region(DATA, 1 << 19, Access.READ_WRITE);
    private final MemoryMap map = guest.map();
    private final ByteBuffer data = guest.at(DATA);
    private final ManualLoop loop = new ManualLoop();
    private final DriverModel driver = new DriverModel(guest.at(RINGS), RINGS, NUM, true, 0);
    private final DelayingDevice device = new DelayingDevice(new BlockGeometry(1 << 20, 512, false), new Random(1), 0);
    private final VirtioBlkQueue queue = open();
    private final List<VringFault> faults = new ArrayList<>();
    private int calls;

    private VirtioBlkQueue open() {
        VirtioBlkConfig config = new VirtioBlkConfig(device.geometry(), "serial", 1, NUM, 4096, true, true);
        try {
            VringOptions options = new VringOptions(true, true);
            SplitVirtqueue vring = new SplitVirtqueue(driver.layout(), options, VringPosition.START, map);
            return new VirtioBlkQueue(loop, device, config, vring, map, this, new QueueCounters());
        } catch (VringException e) {
            throw new AssertionError(e);
        }
    }

    @Override
    public void call() {
        calls++;
    }

    @Override
    public void broken(VringFault fault) {
        faults.add(fault);
    }

    /** Offers a request with {@code length} bytes of data for the device to write; slots keep requests apart. */
    private int offerRead(int slot, long sector, int length) {
        return offer(slot, 0, sector, List.of(new Piece(DATA + slot * 1024L + 16, length, true)));
    }

    private int offer(int slot, int type, long sector, List<Piece> middle) {
        int at = slot * 1024;
        data.putInt(at, type).putInt(at + 4, 16388).putLong(at + 8, sector);
        data.put(STATUS_AT + slot, UNTOUCHED);
        List<Piece> pieces = new ArrayList<>();
        pieces.add(new Piece(DATA + at, 16, false));
        pieces.addAll(middle);
        pieces.add(new Piece(DATA + STATUS_AT + slot, 1, true));
        int head = driver.chain(pieces);
        driver.offer(head);
        return head;
    }

    private void kick() {
        if (driver.show()) {
            queue.onKick();
        }
    }

    private byte status(int slot) {
        return data.get(STATUS_AT + slot);
    }

    @Test
    void shouldWriteStatusOfReadOnlyAfterDeviceHasCompletedIt() {
        offerRead(0, 0, 512);
        kick();
        assertThat(device.pendingCount()).isEqualTo(1);
        assertThat(status(0)).isEqualTo(UNTOUCHED);
        assertThat(driver.poll()).isFalse();

        device.complete(1);
        assertThat(status(0)).isZero();
        assertThat(driver.poll()).isTrue();
        assertThat(driver.usedLen()).isEqualTo(513);
    }

    @Test
    void shouldPublishAndCallOncePerBatch() {
        for (int i = 0; i < 10; i++) {
            offerRead(i, i, 512);
        }
        kick();
        assertThat(calls).isZero();
        device.complete(4);
        assertThat(driver.usedIdx()).isEqualTo(4);
        assertThat(calls).isEqualTo(1);
        device.complete(6);
        assertThat(driver.usedIdx()).isEqualTo(10);
        assertThat(calls).as("used_event was not moved").isEqualTo(1);
    }

    @ParameterizedTest
    @CsvSource({"OK,0", "UNSUPPORTED,2", "IO_ERROR,1", "NO_SPACE,1", "FENCED,1", "CORRUPT,1"})
    void shouldTranslateOutcome(Status outcome, byte expected) {
        device.failWith(outcome);
        offer(0, 4, 0, List.of());
        kick();
        device.complete(1);
        assertThat(status(0)).isEqualTo(expected);
        driver.poll();
        assertThat(driver.usedLen()).isEqualTo(1);
    }

    @Test
    void shouldStopRangesAtFirstFailure() {
        for (int i = 0; i < 3; i++) {
            data.putLong(64 + 16 * i, 8L * i).putInt(72 + 16 * i, 8).putInt(76 + 16 * i, 0);
        }
        offer(0, 11, 0, List.of(new Piece(DATA + 64, 48, false)));
        kick();
        device.complete(1);
        assertThat(device.pendingCount()).as("second range").isEqualTo(1);
        assertThat(status(0)).isEqualTo(UNTOUCHED);
        device.failWith(Status.NO_SPACE);
        device.complete(1);
        assertThat(device.pendingCount()).isZero();
        assertThat(status(0)).isEqualTo((byte) 1);
    }

    @Test
    void shouldAnswerErrorWhenRequestHasTooManySegments() {
        List<Piece> pieces = new ArrayList<>();
        for (int i = 0; i < 140; i++) {
            pieces.add(new Piece(DATA + 0x10000 + i * 512L, 512, true));
        }
        offer(0, 0, 0, pieces);
        kick();
        assertThat(status(0)).isEqualTo((byte) 1);
        assertThat(faults).isEmpty();
    }

    @ParameterizedTest
    @CsvSource({"true,ADDRESS_NOT_MAPPED", "false,STATUS_MISSING"})
    void shouldGoOnAnsweringWhatIsInFlightWhenQueueBreaks(boolean hasStatus, VringFault expected) {
        offerRead(0, 0, 512);
        kick();
        List<Piece> bad = hasStatus
                ? List.of(new Piece(DATA, 16, false), new Piece(DATA - 1, 1, true))
                : List.of(new Piece(DATA, 16, false));
        driver.offer(driver.chain(bad));
        offerRead(1, 0, 512);
        driver.show();
        queue.onKick();
        assertThat(faults).containsExactly(expected);
        assertThat(device.pendingCount()).as("nothing fetched behind the fault").isEqualTo(1);

        device.complete(1);
        assertThat(status(0)).isZero();
        assertThat(driver.poll()).isTrue();
        queue.onKick();
        assertThat(faults).as("reported once").hasSize(1);
        assertThat(driver.poll()).isFalse();
    }

    @Test
    void shouldBreakWhenHeaderIsTooShort() {
        driver.offer(driver.chain(List.of(new Piece(DATA, 15, false), new Piece(DATA + 100, 1, true))));
        kick();
        assertThat(faults).containsExactly(VringFault.HEADER_MISSING);
    }

    @Test
    void shouldLeaveLoopToOthersAfterItsShare() {
        // One descriptor each: neither header nor data is needed for a request that is refused, only a status.
        DriverModel.descriptor(data, 0x9000, DATA, 16, DriverModel.F_NEXT, 1);
        DriverModel.descriptor(data, 0x9010, DATA + STATUS_AT, 1, DriverModel.F_WRITE, 0);
        data.putInt(0, 99);
        for (int i = 0; i < NUM; i++) {
            int head = driver.take();
            driver.descriptor(head, DATA + 0x9000, 32, DriverModel.F_INDIRECT, 0);
            driver.offer(head);
        }
        kick();
        assertThat(driver.usedIdx()).isEqualTo(VirtioBlkQueue.CHAINS_PER_TURN);
        queue.onKick();
        assertThat(driver.usedIdx()).as("a kick does not jump the loop").isEqualTo(VirtioBlkQueue.CHAINS_PER_TURN);
        assertThat(loop.runOne()).isTrue();
        assertThat(driver.usedIdx()).isEqualTo(NUM);
    }

    @Test
    void shouldSpareItsDriverKicksWhileItsLoopIsAwake() {
        loop.stayAwake();
        offerRead(0, 0, 512);
        kick();
        offerRead(1, 1, 512);
        assertThat(driver.show()).as("wants a kick").isFalse();
        assertThat(device.pendingCount()).isEqualTo(1);
        assertThat(loop.look()).isEqualTo(1);
        assertThat(device.pendingCount()).isEqualTo(2);
        assertThat(loop.look()).isZero();

        loop.sleep();
        offerRead(2, 2, 512);
        assertThat(driver.show()).as("wants a kick").isTrue();
    }

    @Test
    void shouldSpareItsDriverKicksWhenAnswersHaveWokenItsLoop() {
        loop.stayAwake();
        offerRead(0, 0, 512);
        kick();
        loop.sleep();
        loop.stayAwake();
        device.complete(1);
        offerRead(1, 1, 512);
        assertThat(driver.show()).as("wants a kick").isFalse();
        loop.sleep();
        assertThat(loop.runAll()).isEqualTo(1);
        assertThat(device.pendingCount()).isEqualTo(1);
    }

    @Test
    void shouldNotLookAtRingOnceStopped() {
        loop.stayAwake();
        offerRead(0, 0, 512);
        kick();
        assertThat(loop.watchedCount()).isEqualTo(1);
        queue.stop(StopMode.DRAIN, () -> {});
        assertThat(loop.watchedCount()).isZero();
        device.complete(1);
        assertThat(loop.watchedCount()).isZero();
    }

    @Test
    void shouldLeaveRingWithKicksAskedFor() {
        loop.stayAwake();
        offerRead(0, 0, 512);
        kick();
        queue.stop(StopMode.DRAIN, () -> {});
        device.complete(1);
        loop.runAll();
        offerRead(1, 1, 512);
        assertThat(driver.show()).as("wants a kick").isTrue();
    }

    @Test
    void shouldFetchNothingNewBeforeItIsToldToServe() throws VringException, InflightException {
        VringOptions options = new VringOptions(true, true);
        VirtioBlkConfig config = new VirtioBlkConfig(device.geometry(), "serial", 1, NUM, 4096, true, true);
        QueueRegion log = QueueRegion.ofThisProcess(NUM);
        log.reset(NUM, 0);
        loop.stayAwake();
        SplitVirtqueue first = SplitVirtqueue.recover(driver.layout(), options, map, log);
        VirtioBlkQueue before = new VirtioBlkQueue(loop, device, config, first, map, this, new QueueCounters());
        offerRead(0, 0, 512);
        offerRead(1, 1, 512);
        driver.show();
        before.onKick();
        before.stop(StopMode.ABANDON, () -> {});
        loop.runAll();

        SplitVirtqueue again = SplitVirtqueue.recover(driver.layout(), options, map, log);
        VirtioBlkQueue after = new VirtioBlkQueue(loop, device, config, again, map, this, new QueueCounters());
        assertThat(after.resubmit()).isEqualTo(2);
        offerRead(2, 2, 512);
        driver.show();
        device.complete(1);
        assertThat(loop.look()).as("the other queues' old requests come first").isZero();
        assertThat(device.pendingCount()).isEqualTo(1);

        after.onKick();
        assertThat(device.pendingCount()).isEqualTo(2);
    }

    @Test
    void shouldDrainBeforeAnotherOwnerGoesOn() throws VringException {
        offerRead(0, 0, 512);
        offerRead(1, 1, 512);
        kick();
        boolean[] stopped = new boolean[1];
        queue.stop(StopMode.DRAIN, () -> stopped[0] = true);
        offerRead(2, 2, 512);
        driver.show();
        queue.onKick();
        assertThat(device.pendingCount()).as("nothing fetched any more").isEqualTo(2);
        device.complete(2);
        loop.runAll();
        assertThat(stopped[0]).isTrue();
        assertThat(device.closed()).isTrue();
        assertThat(driver.usedIdx()).isEqualTo(2);
        assertThat(queue.position()).isEqualTo(new VringPosition(2, 2));

        VirtioBlkConfig config = new VirtioBlkConfig(device.geometry(), "serial", 1, NUM, 4096, true, true);
        SplitVirtqueue vring = new SplitVirtqueue(driver.layout(), new VringOptions(true, true), queue.position(), map);
        new VirtioBlkQueue(loop, device, config, vring, map, this, new QueueCounters()).onKick();
        device.complete(1);
        assertThat(status(2)).isZero();
        assertThat(driver.usedIdx()).isEqualTo(3);
    }

    @Test
    void shouldTouchNeitherStatusNorRingsAfterAbandoningStop() {
        offerRead(0, 0, 512);
        offerRead(1, 1, 512);
        kick();
        boolean[] stopped = new boolean[1];
        queue.stop(StopMode.ABANDON, () -> stopped[0] = true);
        loop.runAll();
        assertThat(stopped[0]).isTrue();
        assertThat(device.pendingCount()).isZero();
        assertThat(status(0)).isEqualTo(UNTOUCHED);
        assertThat(status(1)).isEqualTo(UNTOUCHED);
        assertThat(driver.usedIdx()).isZero();
        assertThat(calls).isZero();
        queue.onKick();
        assertThat(device.pendingCount()).isZero();
    }

    @Test
    void shouldSharpenDrainToAbandon() {
        offerRead(0, 0, 512);
        kick();
        List<String> stopped = new ArrayList<>();
        queue.stop(StopMode.DRAIN, () -> stopped.add("drain"));
        assertThat(stopped).isEmpty();
        queue.stop(StopMode.ABANDON, () -> stopped.add("abandon"));
        loop.runAll();
        assertThat(stopped).containsExactly("drain", "abandon");
        assertThat(status(0)).isEqualTo(UNTOUCHED);
        queue.stop(StopMode.DRAIN, () -> stopped.add("again"));
        assertThat(stopped).hasSize(3);
    }
}
