package io.ashlar.server.registry;

import io.ashlar.base.block.BlockDevice;
import io.ashlar.base.block.BlockGeometry;
import io.ashlar.store.file.StoreException;
import io.ashlar.store.meter.StoreCounters;
import java.util.UUID;

/**
 * What the registry needs of the store: volumes by their identity. Every method may block; changes are durable when they
 * return. A device is opened once at a time.
 */
public interface VolumeFiles extends AutoCloseable {
    /** Returns the identity of the data folder. */
    UUID nodeUuid();

    /** Creates an empty volume. */
    void create(UUID uuid, BlockGeometry geometry) throws StoreException;

    /** Opens a volume. */
    BlockDevice open(UUID uuid) throws StoreException;

    /** Makes an open volume larger. */
    void grow(BlockDevice device, long sizeBytes) throws StoreException;

    /** Removes a closed volume; nothing happens if there is none. */
    void delete(UUID uuid) throws StoreException;

    /** Returns the bytes that an open volume takes on the disk. */
    long storedBytes(BlockDevice device) throws StoreException;

    /** Returns whether somebody, perhaps long gone, asks what a range of an open volume holds: closing it waits for that. */
    boolean isAsked(BlockDevice device);

    /** Returns whether regions of an open volume that a crash left marked are still being settled. */
    boolean isSettling(BlockDevice device);

    /** Returns in one line why a part of an open volume, or all of it, answers errors; empty if nothing is known to. */
    String ailment(BlockDevice device);

    /** Leaves to the next start what a crash left to be mended in an open volume, which is to be closed soon. */
    void stopSettling(BlockDevice device);

    /** Returns the size of the file system. */
    long capacityBytes() throws StoreException;

    /** Returns what is left of it. */
    long freeBytes() throws StoreException;

    /** Returns what the store counts. */
    StoreCounters counters();

    /** Ends the use of the data folder in order, all volumes being closed. */
    @Override
    void close();
}
