package io.ashlar.store;

import io.ashlar.base.annotation.ThreadSafe;
import io.ashlar.base.block.BlockGeometry;
import io.ashlar.store.config.StoreConfig;
import io.ashlar.store.config.StoreEnvironment;
import io.ashlar.store.extent.IoContexts;
import io.ashlar.store.file.CachedReads;
import io.ashlar.store.file.StorageIo;
import io.ashlar.store.file.StoreException;
import io.ashlar.store.format.ExtentShape;
import io.ashlar.store.format.FolderHeader;
import io.ashlar.store.format.VolumeHeader;
import io.ashlar.store.meter.StoreCounters;
import io.ashlar.store.volume.StoredVolume;
import io.ashlar.store.volume.VolumeHeaderFile;
import io.ashlar.store.volume.VolumeServices;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.Executor;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A node's data folder: locked by this process, a volume per folder in it. Every method may block and belongs on a pool or
 * control thread; create, delete and resize are durable when they return.
 */
@ThreadSafe
public final class DataFolder implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(DataFolder.class);

    private final Path path;
    private final Path volumesPath;
    private final StorageIo io;
    private final StoreConfig config;
    private final Executor pool;
    private final FolderLock lock;
    private final FolderHeader lastHeader;
    private final FolderHeader header;
    private final IoContexts contexts = new IoContexts();
    private final StoreCounters counters = new StoreCounters();
    private final VolumeServices services;
    private final Map<UUID, StoredVolume> open = new HashMap<>();

    private DataFolder(Path path, StorageIo io, StoreConfig config, StoreEnvironment environment, FolderLock lock)
            throws StoreException {
        this.path = path;
        this.io = io;
        this.config = config;
        this.lock = lock;
        pool = environment.ioPool();
        volumesPath = path.resolve(FolderLock.VOLUMES);
        lastHeader = lock.header();
        header = new FolderHeader(lastHeader.uuid(), environment.bootId(), false);
        lock.write(header);
        // A process that was killed may have left names that are not durable yet, and this one goes by them.
        io.syncFolder(path);
        io.syncFolder(volumesPath);
        services = new VolumeServices(
                io, config, pool, environment.timer(), contexts, new CachedReads(io.isInMemory(path)), counters);
        purge();
    }

    /**
     * Opens the folder, making a new one of an empty or absent one, and locks it.
     *
     * @throws StoreException in one line: locked by another process, not a data folder, of an unknown version, or an error
     *     of the file system
     */
    public static DataFolder open(Path path, StorageIo io, StoreConfig config, StoreEnvironment environment)
            throws StoreException {
        FolderLock lock = FolderLock.takeOrCreate(path, io, environment);
        try {
            return new DataFolder(path, io, config, environment, lock);
        } catch (StoreException e) {
            lock.close();
            throw e;
        }
    }

    /** Returns the folder's identity; a wiped folder comes back with another one. */
    public UUID uuid() {
        return header.uuid();
    }

    /** Returns whether the last process on this folder stopped in order; true for a new one. */
    public boolean wasCleanlyStopped() {
        return lastHeader.cleanStop();
    }

    /** Returns the machine's boot id at the last start before this one; the present one for a new folder. */
    public UUID previousBootId() {
        return lastHeader.bootId();
    }

    /** Returns the volumes in the folder. */
    public List<UUID> volumes() throws StoreException {
        return lock.volumes();
    }

    /** Creates an empty volume; it is not opened. */
    public void createVolume(UUID uuid, BlockGeometry geometry) throws StoreException {
        createVolume(uuid, geometry, ExtentShape.STANDARD);
    }

    /** Creates an empty volume of an unusual shape: for tests, which need small extents. */
    public synchronized void createVolume(UUID uuid, BlockGeometry geometry, ExtentShape shape) throws StoreException {
        if (volumes().contains(uuid)) {
            throw new StoreException("volume " + uuid + " exists already");
        }
        Path unfinished = volumesPath.resolve(FolderLock.NEW_PREFIX + uuid);
        purgeFolder(unfinished);
        io.createFolder(unfinished);
        VolumeHeader volume = new VolumeHeader(uuid, geometry.withReadOnly(false), shape, config.regionsMarkedMax());
        VolumeHeaderFile.create(io, unfinished, volume);
        io.syncFolder(unfinished);
        io.rename(unfinished, folderOf(uuid));
        io.syncFolder(volumesPath);
    }

    /**
     * Opens a volume and starts to settle the regions that a crash left marked. Requests to those wait, others are served
     * at once. Opened once at a time; the caller closes it before deleting it.
     */
    public synchronized StoredVolume openVolume(UUID uuid) throws StoreException {
        StoredVolume before = open.get(uuid);
        if (before != null && !before.isClosed()) {
            throw new StoreException("volume " + uuid + " is open already");
        }
        if (!volumes().contains(uuid)) {
            throw new StoreException("volume " + uuid + " does not exist");
        }
        StoredVolume volume = StoredVolume.open(folderOf(uuid), services);
        open.put(uuid, volume);
        return volume;
    }

    /** Deletes a closed volume; its space comes back in the background. */
    public synchronized void deleteVolume(UUID uuid) throws StoreException {
        StoredVolume volume = open.get(uuid);
        if (volume != null && !volume.isClosed()) {
            throw new StoreException("volume " + uuid + " is open");
        }
        if (!volumes().contains(uuid)) {
            throw new StoreException("volume " + uuid + " does not exist");
        }
        io.rename(folderOf(uuid), volumesPath.resolve(FolderLock.DELETED_PREFIX + uuid));
        io.syncFolder(volumesPath);
        open.remove(uuid);
        purge();
    }

    /** Removes in the background what was deleted, or never finished. */
    private void purge() throws StoreException {
        for (String name : io.list(volumesPath)) {
            if (name.startsWith(FolderLock.DELETED_PREFIX) || name.startsWith(FolderLock.NEW_PREFIX)) {
                pool.execute(() -> {
                    try {
                        purgeFolder(volumesPath.resolve(name));
                    } catch (StoreException e) {
                        LOG.warn("{}; tried again at the next start", e.getMessage());
                    }
                });
            }
        }
    }

    private void purgeFolder(Path folder) throws StoreException {
        for (String name : io.list(folder)) {
            io.delete(folder.resolve(name));
        }
        io.delete(folder);
    }

    private Path folderOf(UUID uuid) {
        return FolderLock.folderOf(path, uuid);
    }

    /** Returns what has been counted. */
    public StoreCounters counters() {
        return counters;
    }

    /** Returns whether loops can read cached data themselves; if not, every read costs a hand-off. */
    public boolean readsOnLoops() {
        return services.reads().areSupported();
    }

    /** Returns the bytes still free on the file system. */
    public long freeBytes() throws StoreException {
        return io.freeBytes(path);
    }

    /** Returns the path given to {@link #open}. */
    public Path path() {
        return path;
    }

    /** Closes the volumes still open, marks the stop as clean and gives the lock back. */
    @Override
    public synchronized void close() {
        open.values().forEach(StoredVolume::close);
        try {
            lock.write(new FolderHeader(header.uuid(), header.bootId(), true));
        } catch (StoreException e) {
            LOG.error("can't mark the stop as clean: {}", e.getMessage());
        }
        lock.close();
    }
}
