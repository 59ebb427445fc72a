package io.ashlar.store.volume;

import io.ashlar.base.annotation.ThreadSafe;
import io.ashlar.base.block.BlockDevice;
import io.ashlar.base.block.BlockGeometry;
import io.ashlar.base.loop.Loop;
import io.ashlar.base.status.Status;
import io.ashlar.store.extent.Extent;
import io.ashlar.store.extent.ExtentResources;
import io.ashlar.store.extent.ExtentSync;
import io.ashlar.store.extent.ExtentTable;
import io.ashlar.store.extent.MapCache;
import io.ashlar.store.file.StorageIo;
import io.ashlar.store.file.StoreException;
import io.ashlar.store.format.IntentSector;
import io.ashlar.store.format.VolumeHeader;
import io.ashlar.store.intent.IntentFile;
import io.ashlar.store.intent.IntentTable;
import io.ashlar.store.latch.RangeLatch;
import io.ashlar.store.recovery.RegionSettler;
import java.nio.file.Path;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A volume on this node's disk: a folder with a header, a table of write intents, and two files for each extent. */
@ThreadSafe
public final class StoredVolume implements BlockDevice {
    private static final Logger LOG = LoggerFactory.getLogger(StoredVolume.class);

    /** Questions what ranges hold that are under way, of all queues: while the disk hangs, dead connections' too. */
    private static final int QUESTIONS_MAX = 256;

    private static final String CONSEQUENCE = "; its writes and flushes fail until the next start";

    private final Path folder;
    private final VolumeHeaderFile headerFile;
    private final VolumeServices services;
    private final VolumeParts parts;
    private final ReadPath reads;
    private final WritePath writes;
    private final UnmapPath unmaps;
    private final VolumeRecovery recovery;
    private final List<Runnable> geometryListeners = new CopyOnWriteArrayList<>();
    private final AtomicBoolean flushing = new AtomicBoolean();
    private final AtomicBoolean closed = new AtomicBoolean();
    private final AtomicInteger questions = new AtomicInteger();
    private final TrackedPool pool;
    private final IntentFile intentFile;
    /** What failed first, or empty. */
    private volatile String failure = "";

    private StoredVolume(Path folder, VolumeHeaderFile headerFile, VolumeServices services) throws StoreException {
        this.folder = folder;
        this.headerFile = headerFile;
        this.services = services;
        VolumeHeader header = headerFile.header();
        pool = new TrackedPool(services.pool());
        RangeLatch latch = new RangeLatch(header.shape().regionBlocks());
        MapCache cache = new MapCache(services.config().mapCacheRegions(), latch, pool);
        ExtentTable extents = new ExtentTable(
                services.io(),
                folder,
                header.uuid(),
                header.shape(),
                header.geometry().sizeBytes(),
                new ExtentResources(pool, services.reads(), cache, services.counters(), this::onFailure));
        intentFile = new IntentFile(
                services.io().open(folder.resolve(IntentSector.FILE), StorageIo.Mode.WRITE), header.regionsMarkedMax());
        intentFile.load();
        makeDurable();
        IntentTable intents = new IntentTable(
                intentFile, services.config().regionsMarkedMax(), latch, pool, services.counters(), services.timer());
        parts = new VolumeParts(
                header.shape(),
                latch,
                extents,
                intents,
                new UnflushedBytes(services.config().unflushedBytesMax()),
                new RegionSettler(services.counters()),
                pool,
                services);
        ExtentAccess access = new ExtentAccess(parts);
        reads = new ReadPath(parts, access);
        writes = new WritePath(parts, access, reads);
        unmaps = new UnmapPath(parts, access);
        recovery = new VolumeRecovery(parts, this::flushInBackground);
    }

    /**
     * Makes durable what was read, before anything is built upon it: it may be in the page cache only. Where that fails
     * nothing may be written, but what is there can be read.
     */
    private void makeDurable() {
        try {
            services.io().syncFolder(folder);
            headerFile.writeAgain();
        } catch (StoreException e) {
            intentFile.giveUp();
            onFailure(e.getMessage());
            return;
        }
        intentFile.writeAgain();
        if (!intentFile.isUsable()) {
            onFailure("the write intents can't be read (" + intentFile.damagedCopies()
                    + " damaged copies of sectors) or written");
        }
    }

    /** Opens the volume in a folder and starts to settle what a crash left marked. Blocks. */
    public static StoredVolume open(Path folder, VolumeServices services) throws StoreException {
        VolumeHeaderFile headerFile = VolumeHeaderFile.open(services.io(), folder);
        StoredVolume volume;
        try {
            volume = new StoredVolume(folder, headerFile, services);
        } catch (StoreException e) {
            headerFile.close();
            throw e;
        }
        try {
            volume.adoptMarks();
            volume.recovery.start();
            return volume;
        } catch (StoreException e) {
            volume.parts.intents().stopIdleWatch();
            volume.parts.intents().close();
            volume.closeFiles();
            throw e;
        }
    }

    private void adoptMarks() throws StoreException {
        for (int slot = 0; slot < intentFile.slots(); slot++) {
            long mark = intentFile.get(slot);
            if (mark == 0) {
                continue;
            }
            int region = IntentSector.regionOf(mark);
            int index = IntentSector.extentOf(mark);
            if (region >= parts.shape().extentRegions() || IntentSector.layerOf(mark) != 0) {
                throw new StoreException("volume " + uuid() + ": a write intent names region " + region + " of layer "
                        + IntentSector.layerOf(mark) + ", which can't be");
            }
            Extent extent = parts.extents().openMarked(index);
            parts.intents().adopt(slot, extent);
            if (!extent.isLost()) {
                recovery.add(extent, region);
            }
        }
    }

    ReadPath reads() {
        return reads;
    }

    WritePath writes() {
        return writes;
    }

    UnmapPath unmaps() {
        return unmaps;
    }

    VolumeRecovery recovery() {
        return recovery;
    }

    /** Returns the volume's identity, the name of its folder. */
    public UUID uuid() {
        return headerFile.header().uuid();
    }

    @Override
    public BlockGeometry geometry() {
        return headerFile.header().geometry();
    }

    @Override
    public StoredQueue openQueue(Loop loop, Runnable completionsEnded) {
        return new StoredQueue(this, parts, loop, completionsEnded);
    }

    @Override
    public void onGeometryChange(Runnable listener) {
        geometryListeners.add(listener);
    }

    /** Grows the volume; durable when it returns. May block. A smaller size is refused. */
    public synchronized void resize(long sizeBytes) throws StoreException {
        if (sizeBytes < geometry().sizeBytes()) {
            throw new StoreException("volume " + uuid() + " can't be made smaller");
        }
        parts.extents().grow(sizeBytes); // before anybody sees the new size and uses it
        headerFile.update(header -> header.withSizeBytes(sizeBytes));
        geometryListeners.forEach(Runnable::run);
    }

    /** Returns whether a sync has failed: writes and flushes of the extents concerned fail until the next start. */
    public boolean isFailed() {
        return !failure.isEmpty() || parts.intents().isFailed();
    }

    /** Returns in one line why a part of the volume, or all of it, answers errors; empty if nothing is known to do so. */
    public String ailment() {
        int unopenable = parts.extents().unopenableCount();
        if (!failure.isEmpty()) {
            return failure + CONSEQUENCE;
        }
        if (parts.intents().isFailed()) {
            return "its write intents can't be written" + CONSEQUENCE;
        }
        return unopenable == 0 ? "" : unopenable + " of its extents can't be opened: requests to them fail";
    }

    /** Returns whether what the last crash left marked has been settled. */
    public boolean isRecovered() {
        return recovery.isEnded();
    }

    /**
     * Leaves to the next start what the last crash left marked and has not been settled yet: requests that wait for it, and
     * flushes from now on, end as unavailable. For a volume that is about to be closed. Any thread.
     */
    public void stopSettling() {
        recovery.stopSoon();
    }

    /** Returns the bytes that were written and not yet flushed. */
    public long unflushedBytes() {
        return parts.unflushed().value();
    }

    /** Returns the bytes that the volume takes on disk, data and metadata. May block. */
    public long allocatedBytes() throws StoreException {
        long bytes = 0;
        for (String name : services.io().list(folder)) {
            bytes += services.io().allocatedBytes(folder.resolve(name));
        }
        return bytes;
    }

    private void onFailure(String what) {
        failure = failure.isEmpty() ? what : failure;
        LOG.error("volume {}: {}{}", uuid(), what, CONSEQUENCE);
    }

    /** Counts a question what a range holds; returns false, and doesn't, when there are too many. Any thread. */
    boolean beginQuestion() {
        if (questions.incrementAndGet() <= QUESTIONS_MAX) {
            return true;
        }
        questions.decrementAndGet();
        return false;
    }

    /** Returns whether a question what a range holds is under way, which {@link #close} would wait for. Any thread. */
    public boolean isAsked() {
        return questions.get() > 0;
    }

    void endQuestion() {
        questions.decrementAndGet();
    }

    /** Ends a flush whose syncs have all ended. */
    void endFlush(StoreOp op) {
        if (op.unsound || isFailed()) {
            op.status = Status.IO_ERROR;
        } else {
            parts.unflushed().flushedUpTo(op.writtenAtFlush);
        }
    }

    /** Syncs what is dirty, because much is unflushed. Any thread. */
    void flushInBackground() {
        if (!flushing.compareAndSet(false, true)) {
            return;
        }
        long mark = parts.unflushed().mark();
        List<Extent> dirty =
                parts.extents().opened().stream().filter(Extent::needsSync).toList();
        AtomicInteger left = new AtomicInteger(dirty.size() + 1);
        AtomicBoolean unsound = new AtomicBoolean();
        for (Extent extent : dirty) {
            extent.sync().join(new ExtentSync.Ticket(sound -> {
                if (!sound) {
                    unsound.set(true);
                }
                endBackgroundFlush(left, unsound, mark);
            }));
        }
        endBackgroundFlush(left, unsound, mark);
    }

    private void endBackgroundFlush(AtomicInteger left, AtomicBoolean unsound, long mark) {
        if (left.decrementAndGet() == 0) {
            if (!unsound.get() && !isFailed()) {
                parts.unflushed().flushedUpTo(mark);
            }
            flushing.set(false);
        }
    }

    /**
     * Flushes, clears the write intents but for those of extents that have failed, and closes the files. What a crash left
     * may not be settled: then the marks stay anyhow, all of them, and nothing waits for a sync. May block. Its queues must
     * be closed and idle, but for questions what a range holds: those break off, and it waits for the disk to let them.
     */
    @Override
    public void close() {
        if (!closed.compareAndSet(false, true)) {
            return;
        }
        parts.intents().stopIdleWatch();
        boolean settled = recovery.stop();
        pool.awaitIdle();
        if (settled) {
            parts.extents().opened().forEach(Extent::syncNow);
        }
        try {
            if (settled && !parts.intents().isFailed()) {
                parts.intents().closeClean();
            } else {
                parts.intents().close();
            }
        } catch (StoreException e) {
            LOG.error("volume {}: {}", uuid(), e.getMessage());
        }
        closeFiles();
    }

    private void closeFiles() {
        parts.extents().close();
        headerFile.close();
    }

    /** Returns whether {@link #close} was called. */
    public boolean isClosed() {
        return closed.get();
    }
}
