package io.ashlar.vduse.device;

import static org.assertj.core.api.Assertions.assertThat;

import io.ashlar.base.block.BlockDevice;
import io.ashlar.base.block.BlockGeometry;
import io.ashlar.base.block.BlockQueue;
import io.ashlar.base.block.BlockRequest;
import io.ashlar.base.block.NullBlockDevice;
import io.ashlar.base.loop.Loop;
import io.ashlar.base.status.Status;
import io.ashlar.vduse.blk.QueueCounters;
import io.ashlar.vduse.blk.QueueEvents;
import io.ashlar.vduse.blk.RequestKind;
import io.ashlar.vduse.blk.VirtioBlkConfig;
import io.ashlar.vduse.blk.VirtioBlkQueue;
import io.ashlar.vduse.blk.VirtioBlkStatus;
import io.ashlar.vduse.inflight.InflightException;
import io.ashlar.vduse.inflight.QueueRegion;
import io.ashlar.vduse.vring.Access;
import io.ashlar.vduse.vring.DriverModel;
import io.ashlar.vduse.vring.DriverModel.Piece;
import io.ashlar.vduse.vring.GuestMemory;
import io.ashlar.vduse.vring.ManualLoop;
import io.ashlar.vduse.vring.SplitVirtqueue;
import io.ashlar.vduse.vring.VringException;
import io.ashlar.vduse.vring.VringFault;
import io.ashlar.vduse.vring.VringOptions;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;

/** A bridge dies at any moment; who removes its device finds what is outstanding in the log and the rings. */
class LeftoverRingsTest implements QueueEvents {
    private static final long RINGS = 0x10000;
    private static final long DATA = 0x40000;
    private static final int NUM = 32;
    private static final int STRIDE = 1024;
    private static final int STATUS = 16 + 512;
    private static final byte UNTOUCHED = (byte) 0xEE;
    private static final BlockGeometry GEOMETRY = new BlockGeometry(1 << 20, 512, false);

    private final GuestMemory guest =
            new GuestMemory(1 << 20).region(RINGS, 8192, Access.READ_WRITE).region(DATA, 1 << 19, Access.READ_WRITE);
    private final ByteBuffer data = guest.at(DATA);
    /** Requests by the head of their chain, offered and not handed back. */
    private final Map<Integer, Integer> outstanding = new HashMap<>();

    private final QueueRegion log = QueueRegion.ofThisProcess(NUM);
    private DriverModel driver;
    private int nextSlot;

    @Property(tries = 300)
    void shouldFailExactlyWhatIsOutstandingWhenTheBridgeDiedAtAnyMoment(
            @ForAll @IntRange(max = 65535) int start, @ForAll @IntRange(max = 40) int steps, @ForAll long seed)
            throws VringException, InflightException {
        Random random = new Random(seed);
        driver = new DriverModel(guest.at(RINGS), RINGS, NUM, true, start);
        UnorderedDevice device = new UnorderedDevice(random);
        log.reset(NUM, start & 0xFFFF);
        VirtioBlkQueue dying = newQueue(device, new QueueCounters());
        for (int i = 0; i < steps; i++) {
            offer(random.nextInt(4), random.nextInt(2));
            dying.onKick();
            device.completeSome();
            reap((byte) 0);
        }
        offer(random.nextInt(4), 1);
        int left = outstanding.size();

        GatedDevice nowhere = new GatedDevice(new NullBlockDevice(GEOMETRY));
        nowhere.fail();
        QueueCounters counters = new QueueCounters();
        VirtioBlkQueue removing = newQueue(nowhere, counters);
        removing.resubmit();
        removing.onKick();
        assertThat(reap((byte) 1)).as("VIRTIO_BLK_S_IOERR").isEqualTo(left);
        assertThat(outstanding).isEmpty();
        assertThat(counters.answers(RequestKind.READ, VirtioBlkStatus.IOERR)
                        + counters.answers(RequestKind.WRITE, VirtioBlkStatus.IOERR))
                .isEqualTo(left);

        offer(2, 0);
        removing.onKick();
        assertThat(reap((byte) 1)).as("what comes until the device is gone").isEqualTo(2);
    }

    private VirtioBlkQueue newQueue(BlockDevice device, QueueCounters counters)
            throws VringException, InflightException {
        VirtioBlkConfig config = new VirtioBlkConfig(GEOMETRY, "serial", 1, NUM, 4096, true, true);
        SplitVirtqueue vring = SplitVirtqueue.recover(driver.layout(), new VringOptions(true, false), guest.map(), log);
        return new VirtioBlkQueue(new ManualLoop(), device, config, vring, guest.map(), this, counters);
    }

    private void offer(int count, int type) {
        for (int i = 0; i < count && driver.freeCount() >= 3; i++) {
            int at = nextSlot;
            nextSlot = (nextSlot + STRIDE) % (NUM * STRIDE);
            data.putInt(at, type).putInt(at + 4, 0).putLong(at + 8, 0);
            data.put(at + STATUS, UNTOUCHED);
            int head = driver.chain(List.of(
                    new Piece(DATA + at, 16, false),
                    new Piece(DATA + at + 16, 512, type == 0),
                    new Piece(DATA + at + STATUS, 1, true)));
            outstanding.put(head, at);
            driver.offer(head);
        }
        driver.show();
    }

    private int reap(byte status) {
        int count = 0;
        while (driver.poll()) {
            Integer at = outstanding.remove(driver.usedId());
            assertThat(at).as("handed back twice").isNotNull();
            assertThat(data.get(at + STATUS)).isEqualTo(status);
            count++;
        }
        return count;
    }

    @Override
    public void call() {}

    @Override
    public void broken(VringFault fault) {
        throw new AssertionError("broken by " + fault);
    }

    /** Completes requests in any order, or not at all. */
    private static final class UnorderedDevice implements BlockDevice, BlockQueue {
        private final Random random;
        private final List<BlockRequest> waiting = new ArrayList<>();
        private Runnable completionsEnded;

        private UnorderedDevice(Random random) {
            this.random = random;
        }

        private void completeSome() {
            for (int i = random.nextInt(waiting.size() + 1); i > 0; i--) {
                waiting.remove(random.nextInt(waiting.size())).complete(Status.OK);
            }
            completionsEnded.run();
        }

        @Override
        public BlockGeometry geometry() {
            return GEOMETRY;
        }

        @Override
        public BlockQueue openQueue(Loop loop, Runnable ended) {
            completionsEnded = ended;
            return this;
        }

        @Override
        public void onGeometryChange(Runnable listener) {}

        @Override
        public void submit(BlockRequest request) {
            waiting.add(request);
        }

        @Override
        public void endBatch() {}

        @Override
        public void close() {}
    }
}
