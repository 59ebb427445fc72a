package io.ashlar.vduse.vhost;

import static org.assertj.core.api.Assertions.assertThat;

import io.ashlar.vduse.vring.DriverModel;
import io.ashlar.vduse.vring.DriverModel.Piece;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * The table of memory is replaced hundreds of times while both rings are full of requests in flight, whose data is verified. Every
 * table maps the same addresses to the same bytes, by other regions: what the back end has mapped goes away under it each time.
 */
@Timeout(180)
class MemorySwapTest {
    private static final long SEED = new Random().nextLong();
    private static final int SWAPS = 600;
    /** VHOST_USER_NEED_REPLY. */
    private static final int NEED_REPLY = 8;

    private static final int DEPTH = FrontEndModel.RING_SIZE;
    private static final int REQUESTS = VhostStand.QUEUES * DEPTH;
    private static final int PAGE = 4096;
    private static final int DATA_BYTES = REQUESTS * PAGE;
    private static final long RINGS_AT = 0x10_0000;
    private static final long DATA_AT = 0x4000_0000;
    /** A request's header, status and indirect table, in the memory of the rings. */
    private static final int HEADERS = 1 << 16;

    private static final int HEADER_BYTES = 128;
    private static final int STATUS = 32;
    private static final int TABLE = 64;

    @TempDir
    Path folder;

    private final Random random = new Random(SEED);
    private final SlowDevice volume = new SlowDevice(DATA_BYTES);
    private FrontEndModel front;
    private FrontEndModel.Region rings;
    private FrontEndModel.Region data;

    /** The driver, on a thread of its own: as many requests as the rings take, each slot writes its block and reads it again. */
    private final class Driver {
        private final Random fills = new Random(SEED + 1);
        private final int[] fill = new int[REQUESTS];
        private final boolean[] writes = new boolean[REQUESTS];
        private final int[][] slotOfHead = new int[VhostStand.QUEUES][DEPTH];
        private final AtomicLong verified = new AtomicLong();
        private volatile boolean enough;
        private int inFlight;

        void run() {
            try {
                for (int slot = 0; slot < REQUESTS; slot++) {
                    write(slot);
                }
                kick();
                long deadlineNs = System.nanoTime() + TimeUnit.SECONDS.toNanos(60);
                while (inFlight > 0) {
                    if (pollAll()) {
                        kick();
                        deadlineNs = System.nanoTime() + TimeUnit.SECONDS.toNanos(60);
                    } else {
                        FrontEndModel.pause(deadlineNs);
                    }
                }
            } catch (TimeoutException e) {
                throw new IllegalStateException("seed " + SEED, e);
            }
        }

        private boolean pollAll() {
            boolean any = false;
            for (int ring = 0; ring < VhostStand.QUEUES; ring++) {
                DriverModel driver = front.rings.get(ring);
                while (driver.poll()) {
                    any = true;
                    inFlight--;
                    ended(slotOfHead[ring][driver.usedId()]);
                }
            }
            return any;
        }

        private void ended(int slot) {
            assertThat(rings.memory().get(header(slot) + STATUS)).isZero();
            if (writes[slot]) {
                writes[slot] = false;
                fill(slot, ~fill[slot]);
                offer(slot, FrontEndModel.IN);
                return;
            }
            for (int i = 0; i < PAGE; i += Integer.BYTES) {
                int at = slot * PAGE + i;
                assertThat(data.memory().getInt(at) == word(fill[slot], i))
                        .as("seed %d, slot %d, byte %d", SEED, slot, i)
                        .isTrue();
            }
            verified.incrementAndGet();
            if (!enough) {
                write(slot);
            }
        }

        private void write(int slot) {
            fill[slot] = fills.nextInt();
            writes[slot] = true;
            fill(slot, fill[slot]);
            offer(slot, FrontEndModel.OUT);
        }

        private void fill(int slot, int value) {
            for (int i = 0; i < PAGE; i += Integer.BYTES) {
                data.memory().putInt(slot * PAGE + i, word(value, i));
            }
        }

        private static int word(int fill, int at) {
            return fill + at * 0x9E37_79B1;
        }

        private static int header(int slot) {
            return HEADERS + HEADER_BYTES * slot;
        }

        private void offer(int slot, int type) {
            int at = header(slot);
            ByteBuffer memory = rings.memory();
            memory.putInt(at, type).putInt(at + 4, 0).putLong(at + 8, slot * (PAGE / 512L));
            memory.put(at + STATUS, (byte) 0xEE);
            int ring = slot % VhostStand.QUEUES;
            DriverModel driver = front.rings.get(ring);
            int head = driver.chain(
                    List.of(
                            new Piece(RINGS_AT + at, 16, false),
                            new Piece(DATA_AT + (long) slot * PAGE, PAGE, type == FrontEndModel.IN),
                            new Piece(RINGS_AT + at + STATUS, 1, true)),
                    0,
                    memory.slice(at + TABLE, HEADER_BYTES - TABLE).order(ByteOrder.LITTLE_ENDIAN),
                    RINGS_AT + at + TABLE);
            slotOfHead[ring][head] = slot;
            driver.offer(head);
            inFlight++;
        }

        private void kick() {
            for (int ring = 0; ring < VhostStand.QUEUES; ring++) {
                if (front.rings.get(ring).show()) {
                    front.kick(ring);
                }
            }
        }
    }

    /** Returns the same memory in other pieces. */
    private static List<FrontEndModel.Region> inTwo(FrontEndModel.Region whole, int at) {
        return List.of(
                new FrontEndModel.Region(whole.guest(), at, 0, whole.fd(), null),
                new FrontEndModel.Region(whole.guest() + at, whole.length() - at, at, whole.fd(), null));
    }

    private List<FrontEndModel.Region> otherTable() {
        int page = PAGE * (1 + random.nextInt(DATA_BYTES / PAGE - 1));
        boolean ringsInTwo = random.nextInt(4) == 0;
        FrontEndModel.Region first = ringsInTwo ? data : rings;
        List<FrontEndModel.Region> pieces = inTwo(ringsInTwo ? rings : data, page);
        return random.nextBoolean()
                ? List.of(first, pieces.get(0), pieces.get(1))
                : List.of(pieces.get(1), first, pieces.get(0));
    }

    @Test
    void shouldServeFullRingsWhileTheirMemoryIsReplacedHundredsOfTimes() throws Exception {
        try (VhostStand stand = new VhostStand()) {
            stand.open("test", volume, folder.resolve("s"));
            front = new FrontEndModel(folder.resolve("s"));
            front.negotiate();
            rings = front.memory(RINGS_AT, 1 << 20);
            data = front.memory(DATA_AT, DATA_BYTES);
            data.memory().order(ByteOrder.LITTLE_ENDIAN);
            front.rings(rings, VhostStand.QUEUES, 0);
            front.setMemory();
            for (int ring = 0; ring < VhostStand.QUEUES; ring++) {
                front.describe(ring, 0);
                front.enable(ring);
            }
            Driver driver = new Driver();
            CompletableFuture<Void> driven =
                    CompletableFuture.runAsync(driver::run, task -> new Thread(task, "driver").start());
            for (int swap = 0; swap < SWAPS; swap++) {
                if (random.nextBoolean()) {
                    volume.hold();
                    VhostStand.await(() -> volume.inFlight() == REQUESTS || driven.isDone());
                }
                List<FrontEndModel.Region> table = otherTable();
                front.send(
                        FrontEndModel.SET_MEM_TABLE, NEED_REPLY, FrontEndModel.table(table), FrontEndModel.fds(table));
                volume.letGo();
                assertThat(front.receive(FrontEndModel.SET_MEM_TABLE).readLongLE())
                        .as("seed %d, swap %d", SEED, swap)
                        .isZero();
            }
            driver.enough = true;
            driven.get(60, TimeUnit.SECONDS);
            assertThat(driver.verified.get()).isGreaterThan(SWAPS);
            front.close();
        }
    }
}
