package io.ashlar.store.format;

import io.ashlar.base.block.BlockGeometry;
import io.ashlar.store.file.StoreException;
import io.netty.buffer.ByteBuf;
import java.util.UUID;

/**
 * The header of a volume, file {@code volume} in its folder.
 *
 * <pre>
 *   24 volume UUID | 40 u64 size in bytes | 48 u32 logical block in bytes | 52 u32 blocks in a region
 *   56 u32 regions in an extent | 60 u32 most regions marked
 * </pre>
 *
 * @param uuid the volume's identity
 * @param geometry size and logical block, never read-only
 * @param shape how it is cut
 * @param regionsMarkedMax entries in the intent table
 */
public record VolumeHeader(UUID uuid, BlockGeometry geometry, ExtentShape shape, int regionsMarkedMax) {
    /** "ASHLARVO" as little-endian bytes. */
    public static final long MAGIC = 0x4F565241_4C485341L;
    /** The file's name. */
    public static final String FILE = "volume";

    static final int UUID_OFFSET = 24;
    static final int SIZE_OFFSET = 40;
    static final int LOGICAL_BLOCK_OFFSET = 48;
    static final int REGION_BLOCKS_OFFSET = 52;
    static final int EXTENT_REGIONS_OFFSET = 56;
    static final int REGIONS_MARKED_MAX_OFFSET = 60;

    /** Reads the newest slot. */
    public static VolumeHeader read(HeaderSlots slots, String what) throws StoreException {
        slots.read(what);
        ByteBuf body = slots.body();
        try {
            return new VolumeHeader(
                    HeaderSlots.getUuid(body, UUID_OFFSET),
                    new BlockGeometry(body.getLongLE(SIZE_OFFSET), body.getIntLE(LOGICAL_BLOCK_OFFSET), false),
                    new ExtentShape(body.getIntLE(REGION_BLOCKS_OFFSET), body.getIntLE(EXTENT_REGIONS_OFFSET)),
                    body.getIntLE(REGIONS_MARKED_MAX_OFFSET));
        } catch (IllegalArgumentException e) {
            throw new StoreException(what + ": " + e.getMessage());
        }
    }

    /** Fills the slots' body, to be written. */
    public void encode(HeaderSlots slots) {
        ByteBuf body = slots.body();
        HeaderSlots.setUuid(body, UUID_OFFSET, uuid);
        body.setLongLE(SIZE_OFFSET, geometry.sizeBytes());
        body.setIntLE(LOGICAL_BLOCK_OFFSET, geometry.logicalBlockBytes());
        body.setIntLE(REGION_BLOCKS_OFFSET, shape.regionBlocks());
        body.setIntLE(EXTENT_REGIONS_OFFSET, shape.extentRegions());
        body.setIntLE(REGIONS_MARKED_MAX_OFFSET, regionsMarkedMax);
    }

    /** Returns this header with another size. */
    public VolumeHeader withSizeBytes(long sizeBytes) {
        return new VolumeHeader(uuid, geometry.withSizeBytes(sizeBytes), shape, regionsMarkedMax);
    }
}
