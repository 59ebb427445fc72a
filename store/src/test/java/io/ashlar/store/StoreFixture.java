package io.ashlar.store;

import io.ashlar.base.block.BlockGeometry;
import io.ashlar.base.time.RandomSource;
import io.ashlar.store.config.StoreConfig;
import io.ashlar.store.config.StoreEnvironment;
import io.ashlar.store.file.StorageIo;
import io.ashlar.store.file.StoreException;
import io.ashlar.store.format.ExtentShape;
import io.ashlar.store.volume.StoredVolume;
import java.nio.file.Path;
import java.util.UUID;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;

/** A data folder with a pool of threads, as most tests want it. */
public final class StoreFixture implements AutoCloseable {
    /** A boot id like any other. */
    public static final UUID BOOT = new UUID(1, 2);

    private final ExecutorService threads;
    private final DataFolder folder;

    private StoreFixture(ExecutorService threads, DataFolder folder) {
        this.threads = threads;
        this.folder = folder;
    }

    /** Opens a folder with the default settings. */
    public static StoreFixture onThreads(Path path, StorageIo io) throws StoreException {
        return onThreads(path, io, StoreConfig.DEFAULT);
    }

    /** Opens a folder. */
    public static StoreFixture onThreads(Path path, StorageIo io, StoreConfig config) throws StoreException {
        // A queue that allocates nothing per task, for the tests that count; never full. After a kill nothing is done
        // any more.
        ThreadPoolExecutor threads = new ThreadPoolExecutor(
                4, 4, 0, TimeUnit.SECONDS, new ArrayBlockingQueue<>(1 << 16), (task, pool) -> {});
        try {
            return new StoreFixture(
                    threads,
                    DataFolder.open(path, io, config, new StoreEnvironment(threads, RandomSource.SECURE, BOOT)));
        } catch (StoreException e) {
            threads.shutdown();
            throw e;
        }
    }

    /** Creates and opens a volume of the standard shape. */
    public StoredVolume createVolume(BlockGeometry geometry) throws StoreException {
        return createVolume(geometry, ExtentShape.STANDARD);
    }

    /** Creates and opens a volume. */
    public StoredVolume createVolume(BlockGeometry geometry, ExtentShape shape) throws StoreException {
        UUID uuid = RandomSource.SECURE.nextUuid();
        folder.createVolume(uuid, geometry, shape);
        return folder.openVolume(uuid);
    }

    /** Returns the folder. */
    public DataFolder folder() {
        return folder;
    }

    /** Leaves everything as a killed process would: no flush, no clean stop, but the threads end. */
    public void kill() {
        threads.shutdownNow();
    }

    @Override
    public void close() {
        folder.close();
        threads.shutdown();
    }
}
