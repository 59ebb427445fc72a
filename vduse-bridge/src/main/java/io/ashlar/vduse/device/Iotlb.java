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
final class Iotlb {
    private final KernelDevice kernel;

    @GuardedBy("this")
    private final List<MappedRegion> regions = new ArrayList<>();

    Iotlb(KernelDevice kernel) {
        this.kernel = kernel;
    }

    /** Returns the region that holds the address, with a reference for the caller, or null when there is none. */
    synchronized MappedRegion acquire(long iova) {
        MappedRegion region = find(iova);
        if (region == null) {
            region = kernel.map(iova);
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
    synchronized void forget(long start, long last) {
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
    synchronized void sever(List<MemoryRange> writes) throws VduseException {
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

    /** A piece of this process's memory. */
    record MemoryRange(long address, int lengthBytes) {}
}
