package io.ashlar.vduse.device;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.vduse.vring.MemoryMap;
import io.ashlar.vduse.vring.RegionSource;
import java.util.ArrayList;
import java.util.List;

/** One queue's view of its device's memory, and the references that keep it mapped. */
@ConfinedTo(LoopKind.DATA)
public final class MemoryView implements RegionSource {
    private final Iotlb iotlb;
    private final MemoryMap map = new MemoryMap(this);
    private final List<MappedRegion> held = new ArrayList<>();

    /** Creates a view that refers to nothing yet. */
    public MemoryView(Iotlb iotlb) {
        this.iotlb = iotlb;
    }

    /** Returns the map, which fills itself. */
    public MemoryMap map() {
        return map;
    }

    @Override
    public boolean addRegionOf(long iova, MemoryMap target) {
        MappedRegion region = iotlb.acquire(iova);
        if (region == null) {
            return false;
        }
        held.add(region);
        region.addTo(target);
        return true;
    }

    /** Gives all memory back; nothing of the queue touches it any more. */
    public void release() {
        map.clear();
        held.forEach(MappedRegion::release);
        held.clear();
    }
}
