package io.ashlar.store;

import io.ashlar.base.annotation.ThreadSafe;
import io.ashlar.base.block.BlockGeometry;
import io.ashlar.store.config.StoreConfig;
import io.ashlar.store.config.StoreEnvironment;
import io.ashlar.store.file.StorageIo;
import io.ashlar.store.file.StoreException;
import io.ashlar.store.meter.StoreCounters;
import io.ashlar.store.volume.StoredVolume;
import java.nio.file.Path;
import java.util.List;
import java.util.UUID;

/**
 * A node's data folder: locked by this process, a volume per folder in it. Every method may block and belongs on a pool or
 * control thread; create, delete and resize are durable when they return.
 */
@ThreadSafe
public final class DataFolder implements AutoCloseable {
    private final StoreCounters counters = new StoreCounters();

    private final Path path;

    private DataFolder(Path path) {
        this.path = path;
    }

    /**
     * Opens the folder, making a new one of an empty or absent one, and locks it.
     *
     * @throws StoreException in one line: locked by another process, not a data folder, of an unknown version, or an error
     *     of the file system
     */
    public static DataFolder open(Path path, StorageIo io, StoreConfig config, StoreEnvironment environment)
            throws StoreException {
        return new DataFolder(path);
    }

    /** Returns the folder's identity; a wiped folder comes back with another one. */
    public UUID uuid() {
        return new UUID(0, 0);
    }

    /** Returns whether the last process on this folder stopped in order; true for a new one. */
    public boolean wasCleanlyStopped() {
        return true;
    }

    /** Returns the machine's boot id at the last start before this one; the present one for a new folder. */
    public UUID previousBootId() {
        return new UUID(0, 0);
    }

    /** Returns the volumes in the folder. */
    public List<UUID> volumes() throws StoreException {
        return List.of();
    }

    /** Creates an empty volume; it is not opened. */
    public void createVolume(UUID uuid, BlockGeometry geometry) throws StoreException {}

    /**
     * Opens a volume and starts to settle the regions that a crash left marked; requests to those wait, others are served
     * at once. Opened once at a time; the caller closes it before deleting it.
     */
    public StoredVolume openVolume(UUID uuid) throws StoreException {
        return StoredVolume.open(uuid);
    }

    /** Deletes a closed volume; its space comes back in the background. */
    public void deleteVolume(UUID uuid) throws StoreException {}

    /** Returns what has been counted. */
    public StoreCounters counters() {
        return counters;
    }

    /** Returns the bytes still free on the file system. */
    public long freeBytes() throws StoreException {
        return 0;
    }

    /** Returns the path given to {@link #open}. */
    public Path path() {
        return path;
    }

    /** Closes the volumes still open, marks the stop as clean and gives the lock back. */
    @Override
    public void close() {}
}
