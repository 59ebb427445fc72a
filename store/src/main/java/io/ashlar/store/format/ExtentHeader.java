package io.ashlar.store.format;

import io.ashlar.store.file.StoreException;
import io.netty.buffer.ByteBuf;
import java.util.UUID;

/**
 * The header of an extent's metadata file; the block map follows at {@link #MAP_OFFSET}.
 *
 * <pre>
 *   24 volume UUID | 40 u32 extent index | 44 u32 layer | 48 u32 blocks in a region | 52 u32 regions in an extent
 * </pre>
 *
 * @param volume the volume's identity
 * @param index which extent of the volume
 * @param layer which layer of the extent; 0 as long as there are no snapshots
 * @param shape how the volume is cut
 */
public record ExtentHeader(UUID volume, int index, int layer, ExtentShape shape) {
    /** "ASHLAREX" as little-endian bytes. */
    public static final long MAGIC = 0x58455241_4C485341L;
    /** Where the block map starts in the metadata file, in bytes. */
    public static final int MAP_OFFSET = HeaderSlots.END_OFFSET;
    /** How the names of data files end. */
    public static final String DATA_SUFFIX = ".data";
    /** How the names of metadata files end. */
    public static final String METADATA_SUFFIX = ".meta";
    /** How the name of a metadata file ends that is not ready yet. */
    public static final String UNFINISHED_SUFFIX = ".new";

    static final int VOLUME_OFFSET = 24;
    static final int INDEX_OFFSET = 40;
    static final int LAYER_OFFSET = 44;
    static final int REGION_BLOCKS_OFFSET = 48;
    static final int EXTENT_REGIONS_OFFSET = 52;

    /** Reads the newest slot and checks that it is the header that is meant. */
    public void check(HeaderSlots slots, String what) throws StoreException {
        slots.read(what);
        ByteBuf body = slots.body();
        boolean same = HeaderSlots.getUuid(body, VOLUME_OFFSET).equals(volume)
                && body.getIntLE(INDEX_OFFSET) == index
                && body.getIntLE(LAYER_OFFSET) == layer
                && body.getIntLE(REGION_BLOCKS_OFFSET) == shape.regionBlocks()
                && body.getIntLE(EXTENT_REGIONS_OFFSET) == shape.extentRegions();
        if (!same) {
            throw new StoreException(what + " belongs to another extent");
        }
    }

    /** Fills the slots' body, to be written. */
    public void encode(HeaderSlots slots) {
        ByteBuf body = slots.body();
        HeaderSlots.setUuid(body, VOLUME_OFFSET, volume);
        body.setIntLE(INDEX_OFFSET, index);
        body.setIntLE(LAYER_OFFSET, layer);
        body.setIntLE(REGION_BLOCKS_OFFSET, shape.regionBlocks());
        body.setIntLE(EXTENT_REGIONS_OFFSET, shape.extentRegions());
    }

    /** Returns the file name without its suffix: extent index and layer in hexadecimal, such as {@code 0000002a-0}. */
    public String fileName() {
        return "%08x-%x".formatted(index, layer);
    }
}
