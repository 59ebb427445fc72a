package io.ashlar.vduse.vring;

/**
 * How far a virtqueue has been worked, as 16-bit indexes that run freely.
 *
 * @param availIndex next entry of the available ring to fetch
 * @param usedIndex next entry of the used ring to fill
 */
public record VringPosition(int availIndex, int usedIndex) {
    /** Where a queue starts after a reset (virtio 1.2, 2.7.6 and 2.7.8). */
    public static final VringPosition START = new VringPosition(0, 0);

    /** Checks the ranges. */
    public VringPosition {
        if ((availIndex | usedIndex) >>> 16 != 0) {
            throw new IllegalArgumentException("not 16-bit indexes: " + availIndex + ", " + usedIndex);
        }
    }
}
