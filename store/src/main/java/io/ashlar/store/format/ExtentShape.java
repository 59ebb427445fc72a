package io.ashlar.store.format;

import io.ashlar.base.block.BlockGeometry;

/**
 * How a volume is cut: part of the format, written into headers. Volumes have the {@link #STANDARD} shape; tests use tiny
 * ones so that every bit of a file can be tried.
 *
 * @param regionBlocks 4 KiB blocks in a region, a power of two, at most 256
 * @param extentRegions regions in an extent, a power of two, at most 1024
 */
public record ExtentShape(int regionBlocks, int extentRegions) {
    /** Regions of 1 MiB, extents of 1 GiB. */
    public static final ExtentShape STANDARD =
            new ExtentShape(BlockGeometry.REGION_BLOCKS, BlockGeometry.EXTENT_BLOCKS / BlockGeometry.REGION_BLOCKS);

    /** Checks the components. */
    public ExtentShape {
        if (Integer.bitCount(regionBlocks) != 1 || regionBlocks < 1 || regionBlocks > BlockGeometry.REGION_BLOCKS) {
            throw new IllegalArgumentException("bad region size: " + regionBlocks + " blocks");
        }
        if (Integer.bitCount(extentRegions) != 1 || extentRegions < 1 || extentRegions > 1024) {
            throw new IllegalArgumentException("bad extent size: " + extentRegions + " regions");
        }
    }

    /** Returns the bytes of a region. */
    public int regionBytes() {
        return regionBlocks << BlockGeometry.BLOCK_SHIFT;
    }

    /** Returns the blocks of an extent. */
    public int extentBlocks() {
        return regionBlocks * extentRegions;
    }

    /** Returns the bytes of an extent. */
    public long extentBytes() {
        return (long) extentBlocks() << BlockGeometry.BLOCK_SHIFT;
    }

    /** Returns the extent that holds a byte of the volume. */
    public int extentOf(long offsetBytes) {
        return (int) (offsetBytes >>> Long.numberOfTrailingZeros(extentBytes()));
    }

    /** Returns the block within its extent that holds a byte of the volume. */
    public int blockInExtent(long offsetBytes) {
        return (int) BlockGeometry.blockOf(offsetBytes) & (extentBlocks() - 1);
    }

    /** Returns the region within its extent that holds a byte of the volume. */
    public int regionInExtent(long offsetBytes) {
        return blockInExtent(offsetBytes) / regionBlocks;
    }

    /** Returns the block within its region that holds a byte of the volume. */
    public int blockInRegion(long offsetBytes) {
        return (int) BlockGeometry.blockOf(offsetBytes) & (regionBlocks - 1);
    }

    /** Returns the number of extents that a volume of the size has. */
    public int extentCount(long sizeBytes) {
        return (int) ((sizeBytes + extentBytes() - 1) / extentBytes());
    }

    /** Returns the bytes of a region's page of map entries. */
    public int pageBytes() {
        return regionBlocks * MapEntry.BYTES;
    }

    /** Returns the size of an extent's metadata file. */
    public long metadataBytes() {
        return ExtentHeader.MAP_OFFSET + (long) extentRegions * pageBytes();
    }
}
