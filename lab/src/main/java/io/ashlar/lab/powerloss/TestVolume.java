package io.ashlar.lab.powerloss;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.block.BlockGeometry;
import io.ashlar.base.block.BlockRequest;
import io.ashlar.base.loop.PolledLoop;
import io.ashlar.base.time.RandomSource;
import io.ashlar.store.DataFolder;
import io.ashlar.store.config.StoreConfig;
import io.ashlar.store.config.StoreEnvironment;
import io.ashlar.store.config.StoreTimer;
import io.ashlar.store.file.StorageIo;
import io.ashlar.store.file.StoreException;
import io.ashlar.store.format.ExtentShape;
import io.ashlar.store.volume.StoredQueue;
import io.ashlar.store.volume.StoredVolume;
import java.nio.file.Path;
import java.util.UUID;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.ThreadPoolExecutor.DiscardPolicy;

/**
 * The volume that is tried, open: 24 extents of four regions, so that files come into being all the time; only the first
 * blocks of each region are used. Few marks and little unflushed data, so that both limits are met.
 */
@ConfinedTo(LoopKind.OWNER)
final class TestVolume implements AutoCloseable {
    static final int EXTENTS = 24;
    static final int EXTENT_REGIONS = 4;
    /** Blocks in use at the start of each region. */
    static final int WINDOW = 32;

    static final int BLOCKS = EXTENTS * EXTENT_REGIONS * WINDOW;

    private static final ExtentShape SHAPE = new ExtentShape(BlockGeometry.REGION_BLOCKS, EXTENT_REGIONS);
    private static final StoreConfig CONFIG = new StoreConfig(16, 4 << 20, 32);
    /** A region counts as idle after less than a second here. */
    private static final int HURRY = 50;

    private static final UUID ID = new UUID(0x10, 0x55);

    private final ExecutorService pool = Executors.newFixedThreadPool(4);
    private final ScheduledThreadPoolExecutor timer = new ScheduledThreadPoolExecutor(1, new DiscardPolicy());
    private final PolledLoop loop = new PolledLoop();
    private final DataFolder folder;
    private final StoredVolume volume;
    private final StoredQueue queue;

    private TestVolume(Path path, StorageIo io, boolean create) throws StoreException {
        StoreTimer hurried = StoreTimer.of(timer);
        StoreEnvironment environment = new StoreEnvironment(
                pool, RandomSource.SECURE, new UUID(1, 2), (task, delayNs) -> hurried.schedule(task, delayNs / HURRY));
        try {
            folder = DataFolder.open(path, io, CONFIG, environment);
            if (create) {
                folder.createVolume(ID, new BlockGeometry(EXTENTS * SHAPE.extentBytes(), 512, false), SHAPE);
            }
            volume = folder.openVolume(ID);
        } catch (StoreException e) {
            pool.shutdownNow();
            timer.shutdownNow();
            throw e;
        }
        queue = volume.openQueue(loop, () -> {});
    }

    /** Creates the volume, durably. */
    static TestVolume create(Path path, StorageIo io) throws StoreException {
        return new TestVolume(path, io, true);
    }

    /** Opens the volume and waits until what a crash left is settled. */
    static TestVolume open(Path path, StorageIo io) throws StoreException {
        TestVolume opened = new TestVolume(path, io, false);
        opened.loop.runUntil(opened.volume::isRecovered);
        return opened;
    }

    /** Returns the first sector of the volume that belongs to a block of the model. */
    static long sectorOf(int block) {
        long region = block / WINDOW;
        return (region * BlockGeometry.REGION_BLOCKS + block % WINDOW) * DiskModel.SECTORS;
    }

    PolledLoop loop() {
        return loop;
    }

    void submit(BlockRequest request) {
        queue.submit(request);
        queue.endBatch();
    }

    /** Submits a request and waits for its end. */
    SectorRequest run(SectorRequest request) {
        submit(request);
        loop.runUntil(() -> request.status() != null);
        return request;
    }

    /** Returns the blocks found torn, and those answered as corrupt. */
    String damage() {
        return folder.counters().tornBlocks().sum() + " torn and "
                + folder.counters().corruptBlocks().sum() + " corrupt blocks";
    }

    @Override
    public void close() {
        queue.close();
        folder.close();
        pool.shutdown();
        timer.shutdownNow();
    }
}
