package io.ashlar.client.load;

import io.ashlar.base.block.BlockGeometry;

/**
 * What load to make.
 *
 * @param depth requests in flight per loop
 * @param requestBytes length of each request, a multiple of the logical block
 * @param readPercent share of reads; the rest are writes
 * @param random random offsets, else each loop goes through its share of the volume in order
 * @param durationMs how long
 * @param seed of the offsets and of what is written
 */
public record LoadOptions(int depth, int requestBytes, int readPercent, boolean random, long durationMs, long seed) {
    /** Checks the components. */
    public LoadOptions {
        if (depth < 1 || depth > 4096) {
            throw new IllegalArgumentException("depth must be between 1 and 4096");
        }
        if (requestBytes < BlockGeometry.SECTOR_BYTES || requestBytes > 16 << 20) {
            throw new IllegalArgumentException("a request must have between 512 bytes and 16 MiB");
        }
        if (readPercent < 0 || readPercent > 100) {
            throw new IllegalArgumentException("the share of reads must be between 0 and 100 percent");
        }
        if (durationMs < 1) {
            throw new IllegalArgumentException("the duration must be positive");
        }
    }
}
