package io.ashlar.store.extent;

import io.ashlar.base.annotation.ThreadSafe;
import io.ashlar.base.sys.Errno;
import io.ashlar.store.file.StorageFile;
import io.ashlar.store.file.StorageIo;
import io.ashlar.store.file.StoreException;
import io.ashlar.store.format.ExtentHeader;
import io.ashlar.store.format.ExtentShape;
import io.ashlar.store.format.HeaderSlots;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicReferenceArray;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The extents of a volume: opened at their first use, created at their first write, closed with the volume. A lookup on a
 * loop is one array read; opening and creating take this table's monitor, on pool threads only.
 */
@ThreadSafe
public final class ExtentTable {
    private static final Logger LOG = LoggerFactory.getLogger(ExtentTable.class);

    private final StorageIo io;
    private final Path folder;
    private final UUID volume;
    private final ExtentShape shape;
    private final ExtentResources resources;
    /** Known not to exist: its blocks are all absent. */
    private final Extent none;

    private final List<Extent> open = new CopyOnWriteArrayList<>();
    /** Those that could not be opened when somebody last wanted them. */
    private final Set<Integer> unopenable = ConcurrentHashMap.newKeySet();
    /** Those that could not be created when somebody last wrote to them; guarded by this. */
    private final Set<Integer> uncreatable = new HashSet<>();

    private volatile AtomicReferenceArray<Extent> extents;

    /** Creates the table of a volume's folder. */
    public ExtentTable(
            StorageIo io, Path folder, UUID volume, ExtentShape shape, long sizeBytes, ExtentResources resources) {
        this.io = io;
        this.folder = folder;
        this.volume = volume;
        this.shape = shape;
        this.resources = resources;
        none = new Extent(new ExtentHeader(volume, -1, 0, shape), null, null, resources);
        extents = new AtomicReferenceArray<>(shape.extentCount(sizeBytes));
    }

    /** Returns the extent, one that {@link #isNone}, or null if that is not known yet. */
    public Extent get(int index) {
        return extents.get(index);
    }

    /** Returns whether this stands for an extent that does not exist: it reads as zeroes, the first write creates it. */
    @SuppressWarnings("ReferenceEquality") // one object stands for all extents that don't exist
    public boolean isNone(Extent extent) {
        return extent == none;
    }

    /** Returns the extents opened so far. */
    public List<Extent> opened() {
        return open;
    }

    /** Returns how many extents exist and could not be opened when somebody last wanted them. */
    public int unopenableCount() {
        return unopenable.size();
    }

    /** Makes room for a volume that is to grow; where there is enough, nothing happens. */
    public void grow(long sizeBytes) {
        makeRoom(shape.extentCount(sizeBytes));
    }

    private synchronized void makeRoom(int count) {
        if (count <= extents.length()) {
            return;
        }
        AtomicReferenceArray<Extent> larger = new AtomicReferenceArray<>(count);
        for (int i = 0; i < extents.length(); i++) {
            larger.set(i, extents.get(i));
        }
        extents = larger;
    }

    /** Opens the extent if it exists; the result may be one that {@link #isNone}. Blocks. */
    public synchronized Extent open(int index) throws StoreException {
        Extent extent = extents.get(index);
        if (extent != null) {
            return extent;
        }
        try {
            extent = openFiles(index);
            unopenable.remove(index);
            return extent;
        } catch (StoreException e) {
            if (unopenable.add(index)) {
                LOG.error("volume {}: {}; it is tried again at each request", volume, e.getMessage());
            }
            throw e;
        }
    }

    private Extent openFiles(int index) throws StoreException {
        ExtentHeader header = new ExtentHeader(volume, index, 0, shape);
        StorageFile metadata;
        try {
            metadata = io.open(path(header, ExtentHeader.METADATA_SUFFIX), StorageIo.Mode.WRITE);
        } catch (StoreException e) {
            if (e.errno() == Errno.ENOENT) {
                extents.set(index, none);
                return none;
            }
            throw e;
        }
        try {
            HeaderSlots slots = new HeaderSlots(metadata, ExtentHeader.MAGIC);
            header.check(slots, "extent " + header.fileName());
            StorageFile data = io.open(path(header, ExtentHeader.DATA_SUFFIX), StorageIo.Mode.WRITE);
            return opened(new Extent(header, data, metadata, resources));
        } catch (StoreException e) {
            metadata.close();
            throw e;
        }
    }

    /**
     * Opens an extent of which regions are marked, wherever it lies: the volume's header may have lost its newest copy, and
     * with it the volume's end. One whose files are gone or damaged is lost, and nothing of it is served until the next
     * start: to read it as zeroes, or to create it anew, would be to make data up. Blocks.
     *
     * @throws StoreException when memory or descriptors are short, which passes
     */
    public synchronized Extent openMarked(int index) throws StoreException {
        makeRoom(index + 1);
        String reason = "its metadata file is gone";
        try {
            Extent extent = extents.get(index);
            if (extent == null) {
                extent = openFiles(index);
            }
            if (!isNone(extent)) {
                return extent;
            }
        } catch (StoreException e) {
            if (Errno.isShortage(e.errno())) {
                throw e;
            }
            reason = e.getMessage();
        }
        Extent lost = new Extent(new ExtentHeader(volume, index, 0, shape), null, null, resources);
        lost.fail("regions of it were being written, and it can't be opened: " + reason, Errno.EIO);
        extents.set(index, lost);
        return lost;
    }

    /**
     * Opens the extent, creating it if it does not exist. The metadata file is allocated whole, so that a full disk shows
     * here; it gets its name last, so that an extent exists either completely or not at all. Durable on return. Blocks.
     */
    public synchronized Extent openOrCreate(int index) throws StoreException {
        Extent extent = open(index);
        if (!isNone(extent)) {
            return extent;
        }
        try {
            extent = create(index);
            uncreatable.remove(index);
            return extent;
        } catch (StoreException e) {
            if (uncreatable.add(index)) { // hosts try again every few milliseconds
                LOG.warn("volume {}: {}; it is tried again at each write", volume, e.getMessage());
            }
            throw e;
        }
    }

    private Extent create(int index) throws StoreException {
        ExtentHeader header = new ExtentHeader(volume, index, 0, shape);
        Path unfinished = path(header, ExtentHeader.METADATA_SUFFIX + ExtentHeader.UNFINISHED_SUFFIX);
        StorageFile data = io.open(path(header, ExtentHeader.DATA_SUFFIX), StorageIo.Mode.CREATE);
        StorageFile metadata = null;
        try {
            check(data.truncate(shape.extentBytes()), header);
            check(data.syncData(), header);
            metadata = io.open(unfinished, StorageIo.Mode.CREATE);
            check(metadata.allocate(0, shape.metadataBytes()), header);
            HeaderSlots slots = new HeaderSlots(metadata, ExtentHeader.MAGIC);
            header.encode(slots);
            check(slots.writeBoth(), header);
            check(metadata.syncData(), header);
            io.rename(unfinished, path(header, ExtentHeader.METADATA_SUFFIX));
            io.syncFolder(folder);
            return opened(new Extent(header, data, metadata, resources));
        } catch (StoreException e) {
            data.close();
            if (metadata != null) {
                metadata.close();
            }
            discardUnfinished(unfinished);
            throw e;
        }
    }

    /** Closes all extents; nobody uses the table any more. */
    public void close() {
        open.forEach(Extent::close);
    }

    private Extent opened(Extent extent) {
        open.add(extent);
        extents.set(extent.index(), extent);
        return extent;
    }

    private void discardUnfinished(Path unfinished) {
        try {
            io.delete(unfinished);
        } catch (StoreException e) {
            // The next creation cuts it to nothing anyway.
        }
    }

    private Path path(ExtentHeader header, String suffix) {
        return folder.resolve(header.fileName() + suffix);
    }

    private static void check(int result, ExtentHeader header) throws StoreException {
        if (result < 0) {
            throw new StoreException(
                    "can't create extent " + header.fileName() + ": " + Errno.describe(result), -result);
        }
    }
}
