package io.ashlar.bench.store;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.block.BlockGeometry;
import io.ashlar.base.block.BlockRequest;
import io.ashlar.base.block.Operation;
import io.ashlar.base.block.ScatterList;
import io.ashlar.base.loop.PolledLoop;
import io.ashlar.base.status.Status;
import io.ashlar.base.time.RandomSource;
import io.ashlar.store.DataFolder;
import io.ashlar.store.config.StoreConfig;
import io.ashlar.store.config.StoreEnvironment;
import io.ashlar.store.file.LinuxStorageIo;
import io.ashlar.store.file.Scratch;
import io.ashlar.store.file.StoreException;
import io.ashlar.store.volume.StoredQueue;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import java.util.UUID;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/**
 * How long a flush takes that finds so many extents dirty: each has had one 4 KiB overwrite since the last. Prints a table
 * in Markdown. Started by {@code bench/flush-latency}.
 */
@ConfinedTo(LoopKind.OWNER)
public final class FlushLatency {
    private static final int[] DIRTY_EXTENTS = {1, 16, 200};
    private static final int EXTENTS = 200;
    /** As many blocks of each extent are overwritten in turn; in one region, so that marks are not what is measured. */
    private static final int BLOCKS = 64;
    /** As a node has by default. */
    private static final int IO_THREADS = 8;

    private static final double NS_PER_MS = 1e6;

    private final StoredQueue queue;
    private final PolledLoop loop = new PolledLoop();
    private final Random random = new Random(1);

    private FlushLatency(DataFolder folder) throws StoreException {
        UUID uuid = RandomSource.SECURE.nextUuid();
        folder.createVolume(uuid, new BlockGeometry((long) EXTENTS * BlockGeometry.EXTENT_BYTES, 4096, false));
        queue = folder.openVolume(uuid).openQueue(loop, () -> {});
    }

    /** Measures in a new folder: {@code FOLDER [ROUNDS]}. */
    public static void main(String[] words) throws StoreException {
        Path path = Path.of(words[0]);
        int rounds = words.length > 1 ? Integer.parseInt(words[1]) : 100;
        ExecutorService pool = Executors.newFixedThreadPool(IO_THREADS);
        StoreEnvironment environment = new StoreEnvironment(pool, RandomSource.SECURE, new UUID(1, 2));
        try (DataFolder folder = DataFolder.open(path, new LinuxStorageIo(), StoreConfig.DEFAULT, environment)) {
            new FlushLatency(folder).measure(rounds);
        } finally {
            pool.shutdown();
        }
    }

    private void measure(int rounds) {
        for (int extent = 0; extent < EXTENTS; extent++) {
            for (int block = 0; block < BLOCKS; block++) {
                write(extent, block);
            }
        }
        flush();
        System.out.println("| dirty extents | flushes | least ms | median ms | p90 ms | most ms |");
        System.out.println("|---|---|---|---|---|---|");
        for (int dirty : DIRTY_EXTENTS) {
            double[] ms = new double[rounds];
            for (int i = 0; i < rounds; i++) {
                for (int extent = 0; extent < dirty; extent++) {
                    write(extent, random.nextInt(BLOCKS));
                }
                long start = System.nanoTime();
                flush();
                ms[i] = (System.nanoTime() - start) / NS_PER_MS;
            }
            Arrays.sort(ms);
            System.out.printf(
                    "| %d | %d | %.2f | %.2f | %.2f | %.2f |%n",
                    dirty, rounds, ms[0], ms[rounds / 2], ms[rounds * 9 / 10], ms[rounds - 1]);
        }
    }

    private void write(int extent, int block) {
        Request request = new Request();
        ScatterList data = new ScatterList(1);
        data.add(Scratch.allocate(BlockGeometry.BLOCK_BYTES), 0, BlockGeometry.BLOCK_BYTES);
        long offset = (long) extent * BlockGeometry.EXTENT_BYTES + (long) block * BlockGeometry.BLOCK_BYTES;
        request.setData(Operation.WRITE, offset, data, 0);
        run(request);
    }

    private void flush() {
        Request request = new Request();
        request.set(Operation.FLUSH, 0, 0, 0);
        run(request);
    }

    private void run(Request request) {
        queue.submit(request);
        queue.endBatch();
        loop.runUntil(() -> request.status != null);
        if (request.status != Status.OK) {
            throw new IllegalStateException(request.operation() + " ended with " + request.status);
        }
    }

    private static final class Request extends BlockRequest {
        private Status status;

        @Override
        protected void onComplete(Status outcome) {
            status = outcome;
        }
    }
}
