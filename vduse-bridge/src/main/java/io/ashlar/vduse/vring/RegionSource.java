package io.ashlar.vduse.vring;

/**
 * Where a {@link MemoryMap} asks for an address that it does not know yet. VDUSE needs it: the region of the bounce
 * buffers exists only from the first request on.
 */
@FunctionalInterface
public interface RegionSource {
    /** Knows nothing beyond what has been added to the map. */
    RegionSource NONE = (iova, map) -> false;

    /**
     * Adds the region that holds the address to the map, if there is one. Called on the map's loop; a hostile driver can
     * cause one call per queue, which is then broken.
     *
     * @return whether a region was added
     */
    boolean addRegionOf(long iova, MemoryMap map);
}
