package io.ashlar.store.volume;

import static org.assertj.core.api.Assertions.assertThat;

import io.ashlar.base.block.BlockGeometry;
import io.ashlar.base.block.Operation;
import io.ashlar.base.seed.TestSeed;
import io.ashlar.base.status.Status;
import io.ashlar.base.sys.Errno;
import io.ashlar.base.time.RandomSource;
import io.ashlar.store.StoreFixture;
import io.ashlar.store.VolumeClient;
import io.ashlar.store.config.StoreConfig;
import io.ashlar.store.file.FaultyStorageIo;
import io.ashlar.store.file.LinuxStorageIo;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.UUID;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicIntegerArray;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Four loops hammer the same 64 blocks. In the first 32 each sector has one writer, who must find there what it wrote last,
 * whatever the others write into the same block. In the others writes of all sizes overlap, and a sector must always be one
 * that some write could have left. Now and then the store is closed and opened again, every other time as after a kill, with
 * requests in flight.
 */
class HammerTest {
    private static final int WRITERS = 4;
    private static final int SECTORS = 64 * 8;
    private static final int OWNED = 32 * 8;
    private static final long BASE = 7L << 20;

    @TempDir
    Path path;

    /** What was started and what has ended, for each sector with one writer. */
    private final AtomicIntegerArray started = new AtomicIntegerArray(OWNED);

    private final AtomicIntegerArray ended = new AtomicIntegerArray(OWNED);
    private final AtomicIntegerArray startedByWriter = new AtomicIntegerArray(WRITERS);
    private final FaultyStorageIo io = new FaultyStorageIo(new LinuxStorageIo());
    private volatile boolean killed;

    @Test
    void shouldNeitherLoseNorMixSectorsWhenFourLoopsOverlap() throws Exception {
        hammer(4, TimeUnit.MILLISECONDS.toNanos(700));
    }

    @Test
    @Tag("slow")
    void shouldNeitherLoseNorMixSectorsWhenFourLoopsOverlapForAMinute() throws Exception {
        hammer(12, TimeUnit.SECONDS.toNanos(5));
    }

    private void hammer(int rounds, long roundNs) throws Exception {
        long seed = TestSeed.get();
        UUID uuid = RandomSource.SECURE.nextUuid();
        ExecutorService threads = Executors.newFixedThreadPool(WRITERS);
        try {
            int requests = 0;
            for (int round = 0; round < rounds; round++) {
                String context = "seed " + seed + " round " + round;
                requests += hammer(uuid, round, roundNs, seed, threads, context);
            }
            assertThat(requests).as("seed %d", seed).isGreaterThan(100);
            System.out.printf("store: hammer %d requests, opened %d times%n", requests, rounds);
        } finally {
            threads.shutdown();
        }
    }

    /** Opens the store, checks what it holds, and hammers it until it is closed (even rounds) or killed (odd ones). */
    private int hammer(UUID uuid, int round, long roundNs, long seed, ExecutorService threads, String context)
            throws Exception {
        // Few marks, so that regions are cleaned under load as well.
        StoreConfig config = new StoreConfig(4, 64 << 20, 16);
        killed = false;
        io.setPlan((call, file) -> FaultyStorageIo.PASS);
        int requests = 0;
        try (StoreFixture store = StoreFixture.onThreads(path, io, config)) {
            if (round == 0) {
                store.folder().createVolume(uuid, new BlockGeometry(1L << 30, 512, false));
            }
            StoredVolume volume = store.folder().openVolume(uuid);
            checkAll(volume, context);
            assertThat(store.folder().counters().tornBlocks().sum()).as(context).isZero();
            List<Future<Integer>> writers = new ArrayList<>();
            for (int i = 0; i < WRITERS; i++) {
                int writer = i;
                Random random = new Random(seed + (long) round * WRITERS + writer);
                writers.add(threads.submit(() -> run(volume, writer, random, roundNs)));
            }
            if (round % 2 == 1) {
                TimeUnit.NANOSECONDS.sleep(roundNs / 2);
                kill();
            }
            for (Future<Integer> writer : writers) {
                requests += writer.get(3, TimeUnit.MINUTES);
            }
            assertThat(store.folder().counters().corruptBlocks().sum())
                    .as(context)
                    .isZero();
        }
        return requests;
    }

    /** From now on nothing that the store does reaches its files, as if the process were gone; even closing it. */
    private void kill() {
        killed = true;
        io.setPlan((call, file) -> call == FaultyStorageIo.Call.READ ? FaultyStorageIo.PASS : -Errno.EIO);
    }

    /** After opening, each sector must hold what some write could have left; what it holds is where its writer goes on. */
    private void checkAll(StoredVolume volume, String context) {
        try (VolumeClient client = new VolumeClient(volume)) {
            byte[] bytes = new byte[SECTORS * 512];
            assertThat(client.read(BASE, bytes)).as(context).isEqualTo(Status.OK);
            for (int sector = 0; sector < OWNED; sector++) {
                int value = valueOf(bytes, sector);
                assertThat(value).as("%s sector %d", context, sector).isBetween(ended.get(sector), started.get(sector));
                ended.set(sector, value);
            }
            for (int sector = OWNED; sector < SECTORS; sector++) {
                int value = valueOf(bytes, sector);
                assertThat(value / WRITERS)
                        .as("%s sector %d", context, sector)
                        .isBetween(0, startedByWriter.get(value % WRITERS));
            }
        }
    }

    private int run(StoredVolume volume, int writer, Random random, long durationNs) {
        try (VolumeClient client = new VolumeClient(volume)) {
            int requests = 0;
            long end = System.nanoTime() + durationNs;
            boolean goesOn = true;
            for (; goesOn && System.nanoTime() < end; requests++) {
                goesOn = switch (random.nextInt(100)) {
                    case 0 -> other(client, random);
                    case 1, 2, 3, 4, 5, 6, 7, 8, 9 -> readShared(client, random);
                    default -> {
                        if (random.nextBoolean()) {
                            yield writeShared(client, writer, random);
                        }
                        yield random.nextBoolean()
                                ? writeOwned(client, writer, random)
                                : readOwned(client, writer, random);
                    }
                };
            }
            return requests;
        }
    }

    /** Returns whether a request succeeded; it may fail only once the store has been killed. */
    private boolean isOk(Status status) {
        assertThat(status == Status.OK || killed).as("ends with %s", status).isTrue();
        return status == Status.OK;
    }

    private static byte[] filled(int sectors, int value) {
        ByteBuffer bytes = ByteBuffer.allocate(sectors * 512);
        while (bytes.hasRemaining()) {
            bytes.putInt(value);
        }
        return bytes.array();
    }

    private static int valueOf(byte[] bytes, int sector) {
        ByteBuffer buffer = ByteBuffer.wrap(bytes, sector * 512, 512);
        int value = buffer.getInt();
        while (buffer.hasRemaining()) {
            if (buffer.getInt() != value) {
                throw new AssertionError("sector is a mix");
            }
        }
        return value;
    }

    private boolean writeOwned(VolumeClient client, int writer, Random random) {
        int sector = random.nextInt(OWNED / WRITERS) * WRITERS + writer;
        int value = started.incrementAndGet(sector);
        if (!isOk(client.write(BASE + sector * 512L, filled(1, value), 0))) {
            return false;
        }
        ended.set(sector, value);
        return true;
    }

    private boolean readOwned(VolumeClient client, int writer, Random random) {
        int sectors = 1 + random.nextInt(64);
        int first = random.nextInt(OWNED - sectors + 1);
        int[] least = new int[sectors];
        for (int i = 0; i < sectors; i++) {
            least[i] = ended.get(first + i);
        }
        byte[] bytes = new byte[sectors * 512];
        if (!isOk(client.read(BASE + first * 512L, bytes))) {
            return false;
        }
        for (int i = 0; i < sectors; i++) {
            int most = started.get(first + i);
            boolean isOwn = (first + i) % WRITERS == writer;
            assertThat(valueOf(bytes, i)).as("sector %d", first + i).isBetween(least[i], isOwn ? least[i] : most);
        }
        return true;
    }

    private boolean writeShared(VolumeClient client, int writer, Random random) {
        int sectors = 1 + random.nextInt(128);
        int first = OWNED + random.nextInt(SECTORS - OWNED - sectors + 1);
        int value = startedByWriter.incrementAndGet(writer) * WRITERS + writer;
        return isOk(client.write(BASE + first * 512L, filled(sectors, value), 0));
    }

    private boolean readShared(VolumeClient client, Random random) {
        int sectors = 1 + random.nextInt(128);
        int first = OWNED + random.nextInt(SECTORS - OWNED - sectors + 1);
        byte[] bytes = new byte[sectors * 512];
        if (!isOk(client.read(BASE + first * 512L, bytes))) {
            return false;
        }
        for (int i = 0; i < sectors; i++) {
            int value = valueOf(bytes, i);
            assertThat(value / WRITERS).isBetween(0, startedByWriter.get(value % WRITERS));
        }
        return true;
    }

    /** Flushes, discards, and writes elsewhere, so that the hammered region loses its mark now and then. */
    private boolean other(VolumeClient client, Random random) {
        return isOk(
                switch (random.nextInt(4)) {
                    case 0 -> client.flush();
                    case 1 -> {
                        int first = OWNED + random.nextInt(SECTORS - OWNED - 64);
                        yield client.run(Operation.DISCARD, BASE + first * 512L, 64 * 512, 0);
                    }
                    default -> client.fill((random.nextInt(6) + 20L) << 20, 4096, 9);
                });
    }
}
