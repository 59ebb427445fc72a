package io.ashlar.store.volume;

import static org.assertj.core.api.Assertions.assertThat;

import io.ashlar.base.block.BlockGeometry;
import io.ashlar.base.block.Operation;
import io.ashlar.base.status.Status;
import io.ashlar.store.StoreFixture;
import io.ashlar.store.VolumeClient;
import io.ashlar.store.config.StoreConfig;
import io.ashlar.store.file.LinuxStorageIo;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
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
 * that some write could have left.
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

    @Test
    void shouldNeitherLoseNorMixSectorsWhenFourLoopsOverlap() throws Exception {
        hammer(TimeUnit.SECONDS.toNanos(3));
    }

    @Test
    @Tag("slow")
    void shouldNeitherLoseNorMixSectorsWhenFourLoopsOverlapForAMinute() throws Exception {
        hammer(TimeUnit.MINUTES.toNanos(1));
    }

    private void hammer(long durationNs) throws Exception {
        long seed = System.nanoTime();
        // Few marks, so that regions are cleaned under load as well.
        StoreConfig config = new StoreConfig(4, 64 << 20, 16);
        ExecutorService threads = Executors.newFixedThreadPool(WRITERS);
        try (StoreFixture store = StoreFixture.onThreads(path, new LinuxStorageIo(), config)) {
            StoredVolume volume = store.createVolume(new BlockGeometry(1L << 30, 512, false));
            List<Future<Integer>> writers = new ArrayList<>();
            for (int i = 0; i < WRITERS; i++) {
                int writer = i;
                writers.add(threads.submit(() -> run(volume, writer, new Random(seed + writer), durationNs)));
            }
            int requests = 0;
            for (Future<Integer> writer : writers) {
                requests += writer.get(3, TimeUnit.MINUTES);
            }
            assertThat(requests).as("seed %d", seed).isGreaterThan(100);
            assertThat(store.folder().counters().corruptBlocks().sum()).isZero();
            System.out.printf(
                    "store: hammer %d requests, %d parked%n",
                    requests, store.folder().counters().parked().sum());
        } finally {
            threads.shutdown();
        }
    }

    private int run(StoredVolume volume, int writer, Random random, long durationNs) {
        try (VolumeClient client = new VolumeClient(volume)) {
            int requests = 0;
            for (long end = System.nanoTime() + durationNs; System.nanoTime() < end; requests++) {
                switch (random.nextInt(100)) {
                    case 0 -> other(client, random);
                    case 1, 2, 3, 4, 5, 6, 7, 8, 9 -> readShared(client, random);
                    default -> {
                        if (random.nextBoolean()) {
                            writeShared(client, writer, random);
                        } else if (random.nextBoolean()) {
                            writeOwned(client, writer, random);
                        } else {
                            readOwned(client, writer, random);
                        }
                    }
                }
            }
            return requests;
        }
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

    private void writeOwned(VolumeClient client, int writer, Random random) {
        int sector = random.nextInt(OWNED / WRITERS) * WRITERS + writer;
        int value = started.incrementAndGet(sector);
        assertThat(client.write(BASE + sector * 512L, filled(1, value), 0)).isEqualTo(Status.OK);
        ended.set(sector, value);
    }

    private void readOwned(VolumeClient client, int writer, Random random) {
        int sectors = 1 + random.nextInt(64);
        int first = random.nextInt(OWNED - sectors + 1);
        int[] least = new int[sectors];
        for (int i = 0; i < sectors; i++) {
            least[i] = ended.get(first + i);
        }
        byte[] bytes = new byte[sectors * 512];
        assertThat(client.read(BASE + first * 512L, bytes)).isEqualTo(Status.OK);
        for (int i = 0; i < sectors; i++) {
            int most = started.get(first + i);
            boolean isOwn = (first + i) % WRITERS == writer;
            assertThat(valueOf(bytes, i)).as("sector %d", first + i).isBetween(least[i], isOwn ? least[i] : most);
        }
    }

    private void writeShared(VolumeClient client, int writer, Random random) {
        int sectors = 1 + random.nextInt(128);
        int first = OWNED + random.nextInt(SECTORS - OWNED - sectors + 1);
        int value = startedByWriter.incrementAndGet(writer) * WRITERS + writer;
        assertThat(client.write(BASE + first * 512L, filled(sectors, value), 0)).isEqualTo(Status.OK);
    }

    private void readShared(VolumeClient client, Random random) {
        int sectors = 1 + random.nextInt(128);
        int first = OWNED + random.nextInt(SECTORS - OWNED - sectors + 1);
        byte[] bytes = new byte[sectors * 512];
        assertThat(client.read(BASE + first * 512L, bytes)).isEqualTo(Status.OK);
        for (int i = 0; i < sectors; i++) {
            int value = valueOf(bytes, i);
            assertThat(value / WRITERS).isBetween(0, startedByWriter.get(value % WRITERS));
        }
    }

    /** Flushes, discards, and writes elsewhere, so that the hammered region loses its mark now and then. */
    private static void other(VolumeClient client, Random random) {
        switch (random.nextInt(4)) {
            case 0 -> assertThat(client.flush()).isEqualTo(Status.OK);
            case 1 -> {
                int first = OWNED + random.nextInt(SECTORS - OWNED - 64);
                assertThat(client.run(Operation.DISCARD, BASE + first * 512L, 64 * 512, 0))
                        .isEqualTo(Status.OK);
            }
            default ->
                assertThat(client.fill((random.nextInt(6) + 20L) << 20, 4096, 9))
                        .isEqualTo(Status.OK);
        }
    }
}
