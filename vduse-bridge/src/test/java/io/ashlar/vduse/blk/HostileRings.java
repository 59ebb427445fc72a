package io.ashlar.vduse.blk;

import io.ashlar.base.block.BlockGeometry;
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
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Random;

/**
 * Drives the engine with valid rings that have been damaged in one to four places. The verdict on each: either everything
 * offered has been answered, or the queue has stopped and said why, once; in both cases no byte outside the mapped regions and
 * none of the read-only one has changed, the turns were few, and another queue on the same loop goes on.
 *
 * <p>By hand: {@code java -cp … io.ashlar.vduse.blk.HostileRings COUNT SEED}.
 */
final class HostileRings {
    private static final long RINGS = 0x10_0000;
    private static final int RINGS_BYTES = 1024;
    private static final long DATA = 0x20_0000;
    private static final int DATA_BYTES = 16 << 10;
    private static final long CONSTANT = 0x30_0000;
    private static final int CONSTANT_BYTES = 64;
    private static final long TOP = -4096L;
    private static final int TABLE_AT = 8 << 10;
    private static final int TABLE_STRIDE = 256;
    /** No queue may need more: a turn fetches up to 128 chains, and a ring has 16. */
    private static final int TURNS_MAX = 64;

    private static final long[] ADDRESSES = {
        DATA,
        DATA + 1,
        DATA + DATA_BYTES - 1,
        DATA + DATA_BYTES,
        DATA - 1,
        RINGS,
        RINGS + 64,
        RINGS + 128,
        RINGS + 256,
        CONSTANT,
        CONSTANT + 48,
        TOP,
        TOP + 4095,
        -1,
        0,
        DATA + DATA_BYTES - 512,
        TOP + 3584,
        DATA + TABLE_AT,
        1L << 63
    };
    private static final int[] LENGTHS = {
        0, 1, 15, 16, 17, 31, 32, 511, 512, 513, 4096, 8192, DATA_BYTES, DATA_BYTES + 1, -1, -16, 1 << 31, (1 << 31) - 1
    };
    private static final int[] TYPES = {0, 0, 1, 1, 4, 8, 11, 13, 14, 99};

    private final Random random;
    private final ManualLoop loop = new ManualLoop();
    private final TouchingDevice device = new TouchingDevice(new BlockGeometry(1 << 30, 512, false));
    private final GuestMemory guest = new GuestMemory(64 << 10)
            .region(RINGS, RINGS_BYTES, Access.READ_WRITE)
            .region(DATA, DATA_BYTES, Access.READ_WRITE)
            .region(CONSTANT, CONSTANT_BYTES, Access.READ_ONLY)
            .region(TOP, 4096, Access.READ_WRITE);
    private final MemoryMap map = guest.map();
    private final ByteBuffer rings = guest.at(RINGS);
    private final ByteBuffer data = guest.at(DATA);
    private final ByteBuffer constant = guest.at(CONSTANT);
    private final DriverModel[] drivers = new DriverModel[6];
    private final Neighbour neighbour = new Neighbour();
    private final Map<VringFault, Long> faults = new EnumMap<>(VringFault.class);
    private long answeredCount;

    HostileRings(long seed) {
        random = new Random(seed);
        for (int i = 0; i < drivers.length; i++) {
            drivers[i] = new DriverModel(rings, RINGS, 4 << (i >> 1), (i & 1) != 0, 0);
        }
    }

    public static void main(String[] args) {
        long count = Long.parseLong(args[0]);
        HostileRings hostile = new HostileRings(Long.parseLong(args[1]));
        hostile.run(count);
        System.out.println("rings=" + count + " " + hostile.summary());
    }

    /** Returns how the rings ended. */
    String summary() {
        return "answered=" + answeredCount + " requests=" + device.requestCount() + " broken=" + faults;
    }

    Map<VringFault, Long> faults() {
        return faults;
    }

    long answeredCount() {
        return answeredCount;
    }

    /** Tries this many rings; throws {@link AssertionError} at the first false verdict. */
    void run(long count) {
        for (long i = 0; i < count; i++) {
            try {
                one(true);
            } catch (AssertionError | RuntimeException | VringException e) {
                throw new AssertionError("ring " + i + ": " + e, e);
            }
        }
    }

    /** Tries rings whose memory another thread changes meanwhile; what is answered can't be told then. */
    void runWhileChanging(long count) throws VringException {
        for (long i = 0; i < count; i++) {
            one(false);
        }
    }

    /** Damages the shared memory without end, until interrupted. */
    void change(Random own) {
        while (!Thread.currentThread().isInterrupted()) {
            int index = own.nextInt(16);
            switch (own.nextInt(5)) {
                case 0 -> rings.putLong(16 * index, ADDRESSES[own.nextInt(ADDRESSES.length)]);
                case 1 -> rings.putInt(16 * index + 8, LENGTHS[own.nextInt(LENGTHS.length)]);
                case 2 -> rings.putInt(16 * index + 12, own.nextInt(8) | own.nextInt(20) << 16);
                case 3 -> data.putInt(TABLE_AT + own.nextInt(1024) * 4, own.nextInt());
                default -> rings.putShort(own.nextInt(RINGS_BYTES / 2) * 2, (short) own.nextInt(20));
            }
        }
    }

    private void one(boolean quiet) throws VringException {
        DriverModel driver = drivers[random.nextInt(drivers.length)];
        int num = driver.layout().size();
        boolean eventIdx = random.nextBoolean();
        boolean indirect = random.nextInt(4) != 0;
        if (random.nextBoolean()) {
            loop.stayAwake();
        }
        device.setWaits(random.nextBoolean());
        int start = random.nextBoolean() ? 0 : 65536 - random.nextInt(num);
        driver.restart(start & 0xFFFF);
        offerSome(driver, indirect);
        driver.show();
        for (int i = 1 + random.nextInt(4); i > 0; i--) {
            damage(driver, num);
        }
        VringPosition position = new VringPosition(start & 0xFFFF, start & 0xFFFF);
        SplitVirtqueue vring = new SplitVirtqueue(driver.layout(), new VringOptions(eventIdx, indirect), position, map);
        Reports reports = new Reports();
        VirtioBlkConfig config = new VirtioBlkConfig(device.geometry(), "hostile", 1, num, 4096, eventIdx, indirect);
        VirtioBlkQueue queue = new VirtioBlkQueue(loop, device, config, vring, map, reports, new QueueCounters());
        queue.onKick();
        check(turns() <= TURNS_MAX, "too many turns");
        verdict(driver, vring, reports, quiet);
        neighbour.checkAlive();
        queue.stop(StopMode.DRAIN, () -> {});
    }

    /** Lets the loop run until it sleeps; it may be awake before that, or have gone to sleep at once. */
    private int turns() {
        int turns = 0;
        while (loop.watchedCount() > 0 && turns <= TURNS_MAX && loop.look() > 0) {
            turns++;
        }
        loop.sleep();
        return turns + loop.runAll();
    }

    private void verdict(DriverModel driver, SplitVirtqueue vring, Reports reports, boolean quiet) {
        check(guest.guardsIntact(), "a guard area has changed");
        for (int i = 0; i < CONSTANT_BYTES; i += 8) {
            check(constant.getLong(i) == 0, "the read-only region has changed");
        }
        if (vring.fault() != null) {
            check(reports.count == 1 && reports.fault == vring.fault(), "not reported once");
            faults.merge(vring.fault(), 1L, Long::sum);
            return;
        }
        check(reports.count == 0, "reported without a fault");
        answeredCount++;
        if (quiet) {
            int availIdx = rings.getShort(driver.availAt() + 2) & 0xFFFF;
            check(vring.position().availIndex() == availIdx, "not everything fetched");
            check(vring.position().usedIndex() == availIdx, "not everything answered");
        }
    }

    private static void check(boolean holds, String otherwise) {
        if (!holds) {
            throw new AssertionError(otherwise);
        }
    }

    private void offerSome(DriverModel driver, boolean indirect) {
        for (int i = 0; i < 4 && driver.freeCount() >= 3; i++) {
            long at = DATA + i * 1024L;
            int type = TYPES[random.nextInt(TYPES.length)];
            data.putInt(i * 1024, type).putLong(i * 1024 + 8, random.nextInt(1024));
            data.putLong(i * 1024 + 16, 8).putLong(i * 1024 + 24, 8); // one range: sector 8, 8 sectors, no flags
            boolean toDevice = type == 1 || type == 11 || type == 13;
            int length = type == 11 || type == 13 ? 16 : 512;
            List<Piece> pieces = List.of(
                    new Piece(at, 16, false), new Piece(at + 16, length, !toDevice), new Piece(at + 1000, 1, true));
            if (indirect && random.nextBoolean()) {
                int table = TABLE_AT + i * TABLE_STRIDE;
                driver.offer(driver.chain(pieces, 0, data.slice(table, 64).order(data.order()), DATA + table));
            } else {
                driver.offer(driver.chain(pieces));
            }
        }
    }

    private void damage(DriverModel driver, int num) {
        // A descriptor of the table, or of an indirect table.
        boolean inTable = random.nextInt(3) == 0;
        ByteBuffer memory = inTable ? data : rings;
        int at = inTable
                ? TABLE_AT + random.nextInt(4) * TABLE_STRIDE + 16 * random.nextInt(3)
                : 16 * random.nextInt(num);
        long address = ADDRESSES[random.nextInt(ADDRESSES.length)];
        int length = LENGTHS[random.nextInt(LENGTHS.length)];
        switch (random.nextInt(12)) {
            case 0 -> memory.putLong(at, address);
            case 1 -> memory.putInt(at + 8, length);
            case 2 -> memory.putLong(at, address).putInt(at + 8, length);
            case 3 -> memory.putShort(at + 12, (short) random.nextInt(8));
            case 4 -> memory.putShort(at + 12, (short) random.nextInt());
            case 5 -> memory.putShort(at + 14, (short) random.nextInt(num + 2)).putShort(at + 12, (short) 1);
            case 6 ->
                rings.putShort(driver.availAt() + 2, (short) random.nextInt(random.nextBoolean() ? 65536 : num + 2));
            case 7 -> rings.putShort(driver.availAt() + 4 + 2 * random.nextInt(num), (short) random.nextInt(num + 2));
            case 8 -> rings.put(random.nextInt(RINGS_BYTES), (byte) random.nextInt());
            case 9 -> data.put(random.nextInt(4) * 1024 + random.nextInt(32), (byte) random.nextInt());
            case 10 -> DriverModel.descriptor(memory, at, DATA + TABLE_AT, 48, random.nextInt(8), random.nextInt(3));
            default -> DriverModel.descriptor(memory, at, random.nextLong(), random.nextInt(), random.nextInt(), 1);
        }
    }

    /** What the hostile queue has reported. */
    private static final class Reports implements QueueEvents {
        private int count;
        private VringFault fault;

        @Override
        public void call() {
            // Whether a call is due is the business of other tests.
        }

        @Override
        public void broken(VringFault reason) {
            count++;
            fault = reason;
        }
    }

    /** A queue of another device, with a driver that behaves, on the same loop. */
    private final class Neighbour implements QueueEvents {
        private final GuestMemory memory = new GuestMemory(8192).region(0, 4096, Access.READ_WRITE);
        private final DriverModel driver = new DriverModel(memory.at(0), 0, 16, true, 0);
        private final List<Piece> pieces =
                List.of(new Piece(2048, 16, false), new Piece(2560, 512, true), new Piece(3072, 1, true));
        private final VirtioBlkQueue queue;
        private final ByteBuffer bytes = memory.at(0);
        private int calls;

        Neighbour() {
            VirtioBlkConfig config = new VirtioBlkConfig(device.geometry(), "good", 1, 16, 4096, true, false);
            MemoryMap own = memory.map();
            try {
                SplitVirtqueue vring =
                        new SplitVirtqueue(driver.layout(), new VringOptions(true, false), VringPosition.START, own);
                queue = new VirtioBlkQueue(loop, device, config, vring, own, this, new QueueCounters());
            } catch (VringException e) {
                throw new AssertionError(e);
            }
        }

        void checkAlive() {
            bytes.put(3072, (byte) 0xEE);
            calls = 0;
            driver.enableCalls();
            driver.offer(driver.chain(pieces));
            check(driver.show(), "the neighbour wants no kick");
            queue.onKick();
            check(calls == 1 && driver.poll() && driver.usedLen() == 513, "the neighbour doesn't answer");
            check(bytes.get(3072) == 0, "the neighbour fails");
        }

        @Override
        public void call() {
            calls++;
        }

        @Override
        public void broken(VringFault fault) {
            throw new AssertionError("the neighbour is broken: " + fault);
        }
    }
}
