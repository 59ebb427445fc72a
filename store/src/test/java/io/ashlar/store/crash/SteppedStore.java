package io.ashlar.store.crash;

import static org.assertj.core.api.Assertions.assertThat;

import io.ashlar.base.block.BlockGeometry;
import io.ashlar.base.block.Operation;
import io.ashlar.base.loop.ManualLoop;
import io.ashlar.base.status.Status;
import io.ashlar.store.DataFolder;
import io.ashlar.store.config.StoreConfig;
import io.ashlar.store.config.StoreEnvironment;
import io.ashlar.store.file.RecordingStorageIo;
import io.ashlar.store.file.StorageIo;
import io.ashlar.store.file.StoreException;
import io.ashlar.store.format.ExtentShape;
import io.ashlar.store.volume.StoredQueue;
import io.ashlar.store.volume.StoredVolume;
import java.nio.file.Path;
import java.util.Random;
import java.util.UUID;
import java.util.concurrent.TimeUnit;

/** A tiny volume of two and a half extents of two regions of four blocks, on one thread that decides what happens when. */
final class SteppedStore {
    static final Path ROOT = Path.of("/data");
    static final ExtentShape SHAPE = new ExtentShape(4, 2);
    static final int BLOCKS = 20;
    static final UUID VOLUME = new UUID(5, 6);

    private static final StoreConfig CONFIG = new StoreConfig(3, StoreConfig.UNFLUSHED_BYTES_MAX_DEFAULT, 16);
    private static final RecordingStorageIo.Disk EMPTY = createEmpty();

    private final Random random;
    private final ManualLoop loop = new ManualLoop();
    private final SteppedPool pool = new SteppedPool();
    private final DataFolder folder;
    private final StoredVolume volume;
    private final StoredQueue queue;
    private int timersSet;

    /** Opens the volume on a disk. */
    SteppedStore(StorageIo io, Random random) throws StoreException {
        this.random = random;
        folder = DataFolder.open(
                ROOT, io, CONFIG, new StoreEnvironment(pool, random::nextLong, new UUID(1, 2), this::schedule));
        volume = folder.openVolume(VOLUME);
        queue = volume.openQueue(loop, () -> {});
    }

    /** Returns a disk with an empty volume, all of it durable. */
    static RecordingStorageIo.Disk emptyDisk() {
        return EMPTY;
    }

    private static RecordingStorageIo.Disk createEmpty() {
        RecordingStorageIo io = new RecordingStorageIo();
        try {
            io.createFolder(ROOT);
            DataFolder folder = DataFolder.open(
                    ROOT, io, CONFIG, new StoreEnvironment(Runnable::run, new Random(1)::nextLong, new UUID(1, 2)));
            folder.createVolume(VOLUME, new BlockGeometry(BLOCKS * 4096L, 512, false), SHAPE);
            folder.close();
        } catch (StoreException e) {
            throw new AssertionError(e);
        }
        return io.now();
    }

    DataFolder folder() {
        return folder;
    }

    StoredVolume volume() {
        return volume;
    }

    void submit(SectorRequest request) {
        queue.submit(request);
        queue.endBatch();
    }

    /** Returns whether nothing is left to do: then a request in flight is lost. */
    boolean isIdle() {
        loop.runTasks();
        return pool.isEmpty();
    }

    /** Lets the pool or the loop do one thing, if there is one to do. */
    void step() {
        if (!pool.isEmpty() && random.nextInt(3) > 0) {
            pool.runOne(random);
        } else {
            loop.runTasks();
        }
    }

    private void schedule(Runnable task, long delayNs) {
        timersSet++;
        loop.schedule(task, delayNs);
    }

    /** Returns how often the store asked to be woken. */
    int timersSet() {
        return timersSet;
    }

    /** Moves the clock. */
    void advanceSeconds(int seconds) {
        loop.advance(TimeUnit.SECONDS.toNanos(seconds));
    }

    /** Lets everything run to its end. */
    void drain() {
        int steps = 0;
        for (int idle = 0; idle < 2; ) {
            assertThat(++steps).as("steps without coming to rest").isLessThan(100_000);
            loop.runTasks();
            if (pool.isEmpty()) {
                idle++;
            } else {
                pool.runOne(random);
                idle = 0;
            }
        }
    }

    /** Runs a request to its end. */
    Status run(SectorRequest request) {
        submit(request);
        drain();
        assertThat(request.status()).as("request is lost").isNotNull();
        return request.status();
    }

    /** Returns the sectors of a block, or null and the status in the array. */
    int[] read(int block, Status[] status) {
        SectorRequest request =
                SectorRequest.data(Operation.READ, (long) block * BlockModel.SECTORS, BlockModel.SECTORS, 0, 0);
        status[0] = run(request);
        int[] sectors = new int[BlockModel.SECTORS];
        for (int i = 0; i < sectors.length; i++) {
            sectors[i] = request.sector(i);
        }
        request.free();
        return sectors;
    }

    /** Stops in order. */
    void close() {
        drain();
        queue.close();
        folder.close();
    }
}
