package io.ashlar.store.extent;

import io.ashlar.base.annotation.ThreadSafe;
import io.ashlar.base.sys.Errno;
import io.ashlar.store.file.IoVector;
import io.ashlar.store.file.StorageFile;
import io.ashlar.store.format.ExtentHeader;
import io.ashlar.store.format.ExtentShape;
import io.ashlar.store.format.RegionMap;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.concurrent.atomic.AtomicReferenceArray;

/**
 * An open extent: its two files, the cached maps of its regions, which regions are marked, and whether it has unsynced
 * bytes. What belongs to a block or region is protected by the claims of {@link io.ashlar.store.latch.RangeLatch}; the
 * extent itself has no lock. It stays open until the volume is closed, so that no write-back error goes unseen.
 */
@ThreadSafe
public final class Extent {
    private static final VarHandle MARKED = MethodHandles.arrayElementVarHandle(byte[].class);

    private final ExtentHeader header;
    private final StorageFile data;
    private final StorageFile metadata;
    private final ExtentResources resources;
    private final ExtentSync sync;
    private final AtomicReferenceArray<RegionMap> maps;
    private final byte[] marked;
    private final long[] lastWriteTicks;
    private volatile boolean dirty;
    private volatile boolean failed;
    private volatile boolean leftUnsettled;

    Extent(ExtentHeader header, StorageFile data, StorageFile metadata, ExtentResources resources) {
        this.header = header;
        this.data = data;
        this.metadata = metadata;
        this.resources = resources;
        sync = new ExtentSync(this, resources.pool());
        int regions = header.shape().extentRegions();
        maps = new AtomicReferenceArray<>(regions);
        marked = new byte[regions];
        lastWriteTicks = new long[regions];
    }

    /** Returns the identity. */
    public ExtentHeader header() {
        return header;
    }

    /** Returns the extent's index in the volume. */
    public int index() {
        return header.index();
    }

    /** Returns whether there are no files to be used, and every request fails. */
    public boolean isLost() {
        return metadata == null;
    }

    /** Returns the file with the blocks. */
    public StorageFile data() {
        return data;
    }

    /** Returns the file with the block map. */
    public StorageFile metadata() {
        return metadata;
    }

    /** Returns the coalesced sync of both files. */
    public ExtentSync sync() {
        return sync;
    }

    /** Returns where a region's page of map entries lies in the metadata file. */
    public long pageOffset(int region) {
        return ExtentHeader.MAP_OFFSET + (long) region * header.shape().pageBytes();
    }

    /** Returns the region's first block, counted from the start of the volume. */
    public long firstBlockOf(int region) {
        ExtentShape shape = header.shape();
        return (long) header.index() * shape.extentBlocks() + (long) region * shape.regionBlocks();
    }

    /** Returns the region's map, or null if it is not in memory. The caller holds a claim in the region. */
    public RegionMap map(int region) {
        RegionMap map = maps.get(region);
        if (map != null) {
            map.touch();
        }
        return map;
    }

    /**
     * Brings the region's map into memory. The caller holds a claim in the region: maps are dropped only by
     * {@link #dropMap} under an exclusive claim on all of it, so what is read here can't be out of date.
     *
     * @return 0, -EAGAIN if that would block and the thread must not, -ESHUTDOWN after {@link #leaveUnsettled}, or another
     *     -errno
     */
    public int loadMap(int region, IoContext context) {
        if (maps.get(region) != null) {
            return 0;
        }
        if (isLost()) {
            return -Errno.EIO;
        }
        if (leftUnsettled) {
            return -Errno.ESHUTDOWN;
        }
        int pageBytes = header.shape().pageBytes();
        IoVector vector = context.vector();
        vector.clear();
        vector.add(context.page().memoryAddress(), pageBytes);
        while (vector.lengthBytes() > 0) {
            long at = pageOffset(region) + pageBytes - vector.lengthBytes();
            long result = resources.reads().read(vector, metadata, at, context.mayBlock());
            if (result <= 0) {
                return result == 0 ? -Errno.EIO : (int) result;
            }
        }
        RegionMap map = RegionMap.decode(context.page(), header, region);
        if (maps.compareAndSet(region, null, map)) {
            resources.cache().added(this, region);
        }
        return 0;
    }

    /** Forgets the region's map if it was not used since the last call. The caller holds the whole region exclusively. */
    boolean dropMap(int region) {
        RegionMap map = maps.get(region);
        if (map == null || map.clearRecentlyUsed()) {
            return false;
        }
        maps.set(region, null);
        return true;
    }

    /**
     * Says that the volume is being closed and regions are left to the next start to be settled. None of them has had its
     * map in memory, and none gets it now, so that nobody looks into them.
     */
    public void leaveUnsettled() {
        leftUnsettled = true;
    }

    /** Returns whether the region's intent mark is durable. */
    public boolean isMarked(int region) {
        return (byte) MARKED.getAcquire(marked, region) != 0;
    }

    /** Sets or clears the mark in memory, after or before the table on disk says so. */
    public void setMarked(int region, boolean value) {
        MARKED.setVolatile(marked, region, (byte) (value ? 1 : 0));
    }

    /** Notes that the region was written, for choosing the marks to clear. */
    public void noteWrite(int region, long tick) {
        lastWriteTicks[region] = tick;
    }

    /** Returns the tick of the region's last write, roughly. */
    public long lastWriteTick(int region) {
        return lastWriteTicks[region];
    }

    /**
     * Says that the files were written to. Called after the write and before its acknowledgement, so that a sync that has
     * taken the flag away has also seen the bytes.
     */
    public void setDirty() {
        if (!dirty) {
            dirty = true;
        }
    }

    /** Returns whether something was written since the last sync started, or one is under way. */
    public boolean needsSync() {
        return dirty || sync.isRunning();
    }

    void clearDirty() {
        dirty = false;
    }

    /** Returns whether a sync has failed: writes and flushes fail until the next start, reads go on. */
    public boolean isFailed() {
        return failed;
    }

    /** Fails the extent for good. */
    public void fail(String what, int errno) {
        boolean first = !failed;
        failed = true;
        resources.counters().syncFailures().increment();
        if (first) {
            resources.failures().onFailure("extent " + header.fileName() + ": " + what + ": " + Errno.describe(errno));
        }
    }

    /** Syncs both files on the calling pool thread; returns whether the extent is sound. */
    public boolean syncNow() {
        syncFile(metadata);
        syncFile(data);
        return !failed;
    }

    /** One at a time for each file: of two that overlap the kernel tells one only that pages were lost. */
    void syncFile(StorageFile file) {
        synchronized (file) {
            if (failed) {
                return; // a failed sync is not tried again: the kernel has forgotten the pages that it lost
            }
            resources.counters().fileSyncs().increment();
            int result = file.syncData();
            if (result < 0) {
                fail("fdatasync", result);
            }
        }
    }

    /** Closes both files. */
    void close() {
        data.close();
        metadata.close();
    }
}
