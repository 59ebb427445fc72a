package io.ashlar.vduse.device;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import io.ashlar.base.annotation.ThreadSafe;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;

/**
 * The mapped regions of one device, shared by its queues. A region is mapped when the first descriptor points into it
 * (the bounce window does not exist before the first request) and kept until the device is reset or the kernel takes it
 * back. Each queue has a {@link MemoryView} of its own, so the lock is taken once per queue and region only.
 */
@ThreadSafe
public final class Iotlb {
    private final Mapper mapper;

    @GuardedBy("this")
    private final List<MappedRegion> regions = new ArrayList<>();

    /** Maps the region that holds an address, or returns null where there is none (yet). */
    @FunctionalInterface
    public interface Mapper {
        /** The caller owns the mapping. Called on any loop, one call at a time. */
        MappedRegion map(long iova);
    }

    /** Creates an empty one. */
    public Iotlb(Mapper mapper) {
        this.mapper = mapper;
    }

    /** Returns the region that holds the address, with a reference for the caller, or null when there is none. */
    public synchronized MappedRegion acquire(long iova) {
        MappedRegion region = find(iova);
        if (region == null) {
            region = mapper.map(iova);
            if (region == null) {
                return null;
            }
            regions.add(region);
        }
        region.retain();
        return region;
    }

    @GuardedBy("this")
    private MappedRegion find(long iova) {
        for (MappedRegion region : regions) {
            if (region.contains(iova)) {
                return region;
            }
        }
        return null;
    }

    /** Forgets the regions in the inclusive range; each is unmapped once no view refers to it. */
    public synchronized void forget(long start, long last) {
        for (Iterator<MappedRegion> all = regions.iterator(); all.hasNext(); ) {
            MappedRegion region = all.next();
            if (region.overlaps(start, last)) {
                all.remove();
                region.release();
            }
        }
    }

    /**
     * Forgets all regions and cuts what still refers to them off the driver's memory. Every queue has stopped fetching.
     *
     * @param writes the memory that requests in flight may yet send; its bytes stay as they are
     */
    public synchronized void sever(List<MemoryRange> writes) throws VduseException {
        try {
            for (MappedRegion region : regions) {
                if (region.isShared()) {
                    MappedRegion.Severance severance = region.prepareToSever();
                    for (MemoryRange range : writes) {
                        severance.keep(range.address(), range.lengthBytes());
                    }
                    severance.commit();
                }
            }
        } finally {
            forget(0, -1);
        }
    }

    /** Returns whether the file behind a region has shrunk under its mapping: the driver's memory is not what it was. */
    public synchronized boolean hasVanished() {
        return regions.stream().anyMatch(MappedRegion::vanished);
    }

    /** A piece of this process's memory. */
    public record MemoryRange(long address, int lengthBytes) {}
}
