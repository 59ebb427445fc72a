package io.ashlar.base.block;

import io.ashlar.base.status.Status;

/**
 * Size and block size of a volume, and the only place that converts between bytes, blocks, regions and extents.
 *
 * <pre>
 *   volume  : size bytes, a multiple of the logical block
 *   extent  : 1 GiB, the unit of placement          (extent index = offset >> 30)
 *   region  : 1 MiB, the unit of write intent       (a data frame never crosses a region)
 *   block   : 4 KiB, the unit of checksum and map entry
 *   logical : 512 or 4096 bytes, the unit of addressing
 *   sector  : 512 bytes, in virtio-blk headers only
 * </pre>
 *
 * @param sizeBytes the volume's size; positive, a multiple of {@code logicalBlockBytes}, at most {@link #SIZE_BYTES_MAX}
 * @param logicalBlockBytes 512 or 4096
 * @param readOnly whether changing requests are refused
 */
public record BlockGeometry(long sizeBytes, int logicalBlockBytes, boolean readOnly) {
    /** log2 of {@link #BLOCK_BYTES}. */
    public static final int BLOCK_SHIFT = 12;
    /** The unit of checksums and map entries (design section 4). */
    public static final int BLOCK_BYTES = 1 << BLOCK_SHIFT;
    /** log2 of {@link #REGION_BYTES}. */
    public static final int REGION_SHIFT = 20;
    /** The unit of write intents, and the most that one data frame carries. */
    public static final int REGION_BYTES = 1 << REGION_SHIFT;
    /** Blocks in a region. */
    public static final int REGION_BLOCKS = REGION_BYTES / BLOCK_BYTES;
    /** log2 of {@link #EXTENT_BYTES}. */
    public static final int EXTENT_SHIFT = 30;
    /** The unit of placement. */
    public static final int EXTENT_BYTES = 1 << EXTENT_SHIFT;
    /** Blocks in an extent. */
    public static final int EXTENT_BLOCKS = EXTENT_BYTES / BLOCK_BYTES;
    /** log2 of {@link #SECTOR_BYTES}. */
    public static final int SECTOR_SHIFT = 9;
    /** The unit of virtio-blk headers (virtio 1.2, 5.2.6). */
    public static final int SECTOR_BYTES = 1 << SECTOR_SHIFT;
    /** Largest volume: 1 PiB, a million extents. */
    public static final long SIZE_BYTES_MAX = 1L << 50;

    /** Checks the components. */
    public BlockGeometry {
        if (logicalBlockBytes != SECTOR_BYTES && logicalBlockBytes != BLOCK_BYTES) {
            throw new IllegalArgumentException("block size " + logicalBlockBytes + " is neither 512 nor 4096");
        }
        if (sizeBytes <= 0 || sizeBytes > SIZE_BYTES_MAX || sizeBytes % logicalBlockBytes != 0) {
            throw new IllegalArgumentException("size " + sizeBytes + " is not a multiple of the block size between 1"
                    + " block and " + SIZE_BYTES_MAX + " bytes");
        }
    }

    /**
     * Checks a request against this geometry: the one validation, made by the first layer that sees the request.
     *
     * @return {@link Status#OK}, or what the caller did wrong
     */
    public Status validate(BlockRequest request) {
        Operation operation = request.operation();
        if (operation == Operation.FLUSH) {
            return Status.OK;
        }
        if (operation.changes() && readOnly) {
            return Status.READ_ONLY;
        }
        long offset = request.offsetBytes();
        long length = request.lengthBytes();
        if (length <= 0 || offset < 0 || offset > sizeBytes || length > sizeBytes - offset) {
            return Status.OUT_OF_RANGE;
        }
        return ((offset | length) & (logicalBlockBytes - 1)) == 0 ? Status.OK : Status.MISALIGNED;
    }

    /** Returns the number of extents, the last one possibly shorter. */
    public int extentCount() {
        return (int) ((sizeBytes + EXTENT_BYTES - 1) >>> EXTENT_SHIFT);
    }

    /** Returns this geometry with another size. */
    public BlockGeometry withSizeBytes(long newSizeBytes) {
        return new BlockGeometry(newSizeBytes, logicalBlockBytes, readOnly);
    }

    /** Returns this geometry, read-only or not. */
    public BlockGeometry withReadOnly(boolean newReadOnly) {
        return new BlockGeometry(sizeBytes, logicalBlockBytes, newReadOnly);
    }

    /** Returns the 4 KiB block that holds the byte. */
    public static long blockOf(long offsetBytes) {
        return offsetBytes >>> BLOCK_SHIFT;
    }

    /** Returns how many 4 KiB blocks the range touches; a piece of payload has one checksum for each of them. */
    public static int blocksTouched(long offsetBytes, long lengthBytes) {
        return lengthBytes == 0 ? 0 : (int) (blockOf(offsetBytes + lengthBytes - 1) - blockOf(offsetBytes) + 1);
    }

    /** Returns the byte offset rounded down to a 4 KiB block. */
    public static long blockFloor(long offsetBytes) {
        return offsetBytes & -BLOCK_BYTES;
    }

    /** Returns the byte offset rounded up to a 4 KiB block. */
    public static long blockCeiling(long offsetBytes) {
        return (offsetBytes + BLOCK_BYTES - 1) & -BLOCK_BYTES;
    }

    /** Returns whether the range starts and ends on 4 KiB blocks. */
    public static boolean isBlockAligned(long offsetBytes, long lengthBytes) {
        return ((offsetBytes | lengthBytes) & (BLOCK_BYTES - 1)) == 0;
    }

    /** Returns the bytes of the range that lie in the first 1 MiB region it touches. */
    public static int lengthInRegion(long offsetBytes, long lengthBytes) {
        return (int) Math.min(lengthBytes, REGION_BYTES - (offsetBytes & (REGION_BYTES - 1)));
    }

    /** Returns the bytes of the range that lie in the first extent it touches. */
    public static long lengthInExtent(long offsetBytes, long lengthBytes) {
        return Math.min(lengthBytes, EXTENT_BYTES - (offsetBytes & (EXTENT_BYTES - 1)));
    }
}
