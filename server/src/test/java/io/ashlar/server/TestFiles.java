package io.ashlar.server;

import io.ashlar.base.block.BlockDevice;
import io.ashlar.base.block.BlockGeometry;
import io.ashlar.base.status.Status;
import io.ashlar.server.registry.VolumeFiles;
import io.ashlar.store.file.StoreException;
import io.ashlar.store.meter.StoreCounters;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;

/** Volumes in memory; they survive the node, as files do. */
public final class TestFiles implements VolumeFiles {
    private final Map<UUID, TestVolume> volumes = new ConcurrentHashMap<>();
    private volatile StoreException failure;
    private volatile boolean syncFailed;
    private volatile boolean settling;
    private volatile Runnable beforeCreate = () -> {};
    private volatile Runnable beforeOpen = () -> {};

    /** Returns the only volume. */
    public TestVolume only() {
        return volumes.values().iterator().next();
    }

    /** Makes every further change fail, or none where it is null. */
    public void failWith(StoreException newFailure) {
        failure = newFailure;
    }

    /** Runs something, which may block, before each volume is created. */
    public void beforeCreate(Runnable newBeforeCreate) {
        beforeCreate = newBeforeCreate;
    }

    /** Runs something, which may block, before each try to open a volume. */
    public void beforeOpen(Runnable newBeforeOpen) {
        beforeOpen = newBeforeOpen;
    }

    /** Makes every volume one whose sync has failed. */
    public void failSyncs() {
        syncFailed = true;
    }

    /** Makes every volume one that settles what a crash left, or has done so. */
    public void settle(boolean nowSettling) {
        settling = nowSettling;
    }

    /** Returns how many volumes there are. */
    public int count() {
        return volumes.size();
    }

    private void fail() throws StoreException {
        if (failure != null) {
            throw failure;
        }
    }

    @Override
    public UUID nodeUuid() {
        return new UUID(1, 2);
    }

    @Override
    public void create(UUID uuid, BlockGeometry geometry) throws StoreException {
        beforeCreate.run();
        fail();
        volumes.put(uuid, new TestVolume(geometry));
    }

    @Override
    public BlockDevice open(UUID uuid) throws StoreException {
        beforeOpen.run();
        fail();
        return volumes.get(uuid);
    }

    @Override
    public void grow(BlockDevice device, long sizeBytes) throws StoreException {
        fail();
        ((TestVolume) device).grow(sizeBytes);
    }

    @Override
    public void delete(UUID uuid) {
        TestVolume volume = volumes.remove(uuid);
        if (volume != null) {
            volume.free();
        }
    }

    @Override
    public long storedBytes(BlockDevice device) throws StoreException {
        fail();
        return 4096;
    }

    @Override
    public boolean isAsked(BlockDevice device) {
        return false;
    }

    @Override
    public boolean isSettling(BlockDevice device) {
        return settling;
    }

    @Override
    public String ailment(BlockDevice device) {
        return syncFailed ? "a sync has failed" : "";
    }

    @Override
    public void stopSettling(BlockDevice device) {
        ((TestVolume) device).callOff(null, Status.UNAVAILABLE);
    }

    @Override
    public long capacityBytes() {
        return 1 << 30;
    }

    @Override
    public long freeBytes() {
        return 1 << 29;
    }

    @Override
    public StoreCounters counters() {
        return new StoreCounters();
    }

    @Override
    public void close() {}

    /** Gives the memory back. */
    public void free() {
        volumes.values().forEach(TestVolume::free);
        volumes.clear();
    }
}
