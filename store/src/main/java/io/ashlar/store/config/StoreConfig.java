package io.ashlar.store.config;

import io.ashlar.base.block.BlockGeometry;

/**
 * The store's settings.
 *
 * @param regionsMarkedMax most regions of a volume that carry a write intent at a time; bounds recovery after a crash to
 *     this many MiB read per volume ({@code store.regions-marked-max})
 * @param unflushedBytesMax unflushed bytes of a volume above which writes leave the loop and push their data out
 *     ({@code store.unflushed-bytes-max})
 * @param mapCacheRegions most regions of a volume whose block maps are kept in memory, about 1.4 KiB each
 *     ({@code store.map-cache-regions})
 */
public record StoreConfig(int regionsMarkedMax, long unflushedBytesMax, int mapCacheRegions) {
    /** Measured: without a bound a flush behind a heavy writer took 0.8 s. */
    public static final long UNFLUSHED_BYTES_MAX_DEFAULT = 256L << 20;

    /** The defaults: recovery reads at most 4 GiB per volume; maps of 32 GiB of hot data take 45 MiB per volume. */
    public static final StoreConfig DEFAULT = new StoreConfig(4096, UNFLUSHED_BYTES_MAX_DEFAULT, 32768);

    /** Checks the components. */
    public StoreConfig {
        if (regionsMarkedMax < 2 || regionsMarkedMax > 1 << 20) {
            throw new IllegalArgumentException("store.regions-marked-max must be 2 to 1048576: " + regionsMarkedMax);
        }
        if (unflushedBytesMax < BlockGeometry.REGION_BYTES) {
            throw new IllegalArgumentException("store.unflushed-bytes-max must be 1 MiB or more: " + unflushedBytesMax);
        }
        if (mapCacheRegions < 16) {
            throw new IllegalArgumentException("store.map-cache-regions must be 16 or more: " + mapCacheRegions);
        }
    }
}
