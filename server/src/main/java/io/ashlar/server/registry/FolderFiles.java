package io.ashlar.server.registry;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.block.BlockDevice;
import io.ashlar.base.block.BlockGeometry;
import io.ashlar.store.DataFolder;
import io.ashlar.store.file.StoreException;
import io.ashlar.store.meter.StoreCounters;
import io.ashlar.store.volume.StoredVolume;
import java.io.IOException;
import java.nio.file.Files;
import java.util.UUID;

/** {@link VolumeFiles} in a {@link DataFolder}. */
@ConfinedTo(LoopKind.POOL)
public final class FolderFiles implements VolumeFiles {
    private final DataFolder folder;

    /** Takes over the open folder. */
    public FolderFiles(DataFolder folder) {
        this.folder = folder;
    }

    @Override
    public UUID nodeUuid() {
        return folder.uuid();
    }

    @Override
    public void create(UUID uuid, BlockGeometry geometry) throws StoreException {
        folder.createVolume(uuid, geometry);
    }

    @Override
    public BlockDevice open(UUID uuid) throws StoreException {
        return folder.openVolume(uuid);
    }

    @Override
    public void grow(BlockDevice device, long sizeBytes) throws StoreException {
        ((StoredVolume) device).resize(sizeBytes);
    }

    @Override
    public void delete(UUID uuid) throws StoreException {
        if (folder.volumes().contains(uuid)) {
            folder.deleteVolume(uuid);
        }
    }

    @Override
    public long storedBytes(BlockDevice device) throws StoreException {
        return ((StoredVolume) device).allocatedBytes();
    }

    @Override
    public boolean isAsked(BlockDevice device) {
        return ((StoredVolume) device).isAsked();
    }

    @Override
    public boolean isSettling(BlockDevice device) {
        return !((StoredVolume) device).isRecovered();
    }

    @Override
    public String ailment(BlockDevice device) {
        return ((StoredVolume) device).ailment();
    }

    @Override
    public void stopSettling(BlockDevice device) {
        ((StoredVolume) device).stopSettling();
    }

    @Override
    public long capacityBytes() throws StoreException {
        try {
            return Files.getFileStore(folder.path()).getTotalSpace();
        } catch (IOException e) {
            throw new StoreException("can't tell the size of the data folder's file system: " + e.getMessage());
        }
    }

    @Override
    public long freeBytes() throws StoreException {
        return folder.freeBytes();
    }

    @Override
    public StoreCounters counters() {
        return folder.counters();
    }

    @Override
    public void close() {
        folder.close();
    }
}
