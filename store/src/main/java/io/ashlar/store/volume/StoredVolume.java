package io.ashlar.store.volume;

import io.ashlar.base.annotation.ThreadSafe;
import io.ashlar.base.block.BlockDevice;
import io.ashlar.base.block.BlockGeometry;
import io.ashlar.base.loop.Loop;
import io.ashlar.store.file.StoreException;
import java.util.UUID;

/** A volume on this node's disk. */
@ThreadSafe
public final class StoredVolume implements BlockDevice {
    private final UUID uuid;
    private final BlockGeometry geometry;

    StoredVolume(UUID uuid, BlockGeometry geometry) {
        this.uuid = uuid;
        this.geometry = geometry;
    }

    /** Opens a volume. */
    public static StoredVolume open(UUID uuid) {
        return new StoredVolume(uuid, new BlockGeometry(BlockGeometry.BLOCK_BYTES, BlockGeometry.BLOCK_BYTES, false));
    }

    /** Returns the volume's identity, the name of its folder. */
    public UUID uuid() {
        return uuid;
    }

    @Override
    public BlockGeometry geometry() {
        return geometry;
    }

    @Override
    public StoredQueue openQueue(Loop loop, Runnable completionsEnded) {
        return new StoredQueue();
    }

    @Override
    public void onGeometryChange(Runnable listener) {}

    /** Grows the volume; durable when it returns. May block. A smaller size is refused. */
    public void resize(long sizeBytes) throws StoreException {
        if (sizeBytes < geometry.sizeBytes()) {
            throw new StoreException("volume " + uuid + " can't be made smaller");
        }
    }

    /** Returns whether a sync has failed: writes and flushes of the extents concerned fail until the next start. */
    public boolean isFailed() {
        return false;
    }

    /** Returns the bytes that the volume takes on disk, data and metadata. May block. */
    public long allocatedBytes() throws StoreException {
        return 0;
    }

    /** Flushes, clears the write intents, and closes the files. May block. Its queues must be closed and idle. */
    @Override
    public void close() {}
}
