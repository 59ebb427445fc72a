package io.ashlar.store.format;

import com.google.errorprone.annotations.Immutable;
import io.ashlar.base.checksum.Crc32c;
import io.netty.buffer.ByteBuf;

/**
 * A sector of a volume's intent table, file {@code intents}: 61 slots, each free or naming a marked region. The table is
 * kept twice, and a sector is changed by writing the older of its two copies.
 *
 * <pre>
 *   0 u32 magic "INTN" | 4 u32 index of the sector | 8 u64 sequence | 16 61 slots of u64 | 504 u32 0 | 508 u32 CRC32C
 *   slot: 0 when free, else 1 + (layer &lt;&lt; 32 | extent &lt;&lt; 10 | region); extents below 2^22
 * </pre>
 */
@Immutable
public final class IntentSector {
    /** Bytes of a sector. */
    public static final int BYTES = 512;
    /** Slots of a sector. */
    public static final int SLOTS = 61;
    /** "INTN" as little-endian bytes. */
    public static final int MAGIC = 0x4E544E49;
    /** The file's name. */
    public static final String FILE = "intents";

    static final int MAGIC_OFFSET = 0;
    static final int INDEX_OFFSET = 4;
    static final int SEQUENCE_OFFSET = 8;
    static final int SLOTS_OFFSET = 16;
    static final int CHECKSUM_OFFSET = 508;

    private static final int REGION_BITS = 10;

    private IntentSector() {}

    /** Returns the sectors that a table of so many slots has. */
    public static int count(int slots) {
        return (slots + SLOTS - 1) / SLOTS;
    }

    /** Returns where a copy (0 or 1) of the table starts; the copies lie in different pages. */
    public static long copyOffset(int copy, int sectors) {
        return copy * ((sectors * (long) BYTES + 4095) & -4096);
    }

    /** Returns the size of the file. */
    public static long fileBytes(int slots) {
        return copyOffset(2, count(slots));
    }

    /** Returns the value of a slot that names a region. */
    public static long slot(int extent, int region, int layer) {
        return 1 + ((long) layer << 32 | (long) extent << REGION_BITS | region);
    }

    /** Returns the extent that a slot names. */
    public static int extentOf(long slot) {
        return (int) (slot - 1) >>> REGION_BITS;
    }

    /** Returns the region that a slot names. */
    public static int regionOf(long slot) {
        return (int) (slot - 1) & ((1 << REGION_BITS) - 1);
    }

    /** Returns the layer that a slot names. */
    public static int layerOf(long slot) {
        return (int) ((slot - 1) >>> 32);
    }

    /** Writes sector {@code index} of a table into the buffer. */
    public static void encode(ByteBuf sector, int index, long sequence, long[] slots, Crc32c crc) {
        sector.setZero(0, BYTES);
        sector.setIntLE(MAGIC_OFFSET, MAGIC);
        sector.setIntLE(INDEX_OFFSET, index);
        sector.setLongLE(SEQUENCE_OFFSET, sequence);
        int first = index * SLOTS;
        for (int i = 0; i < SLOTS && first + i < slots.length; i++) {
            sector.setLongLE(SLOTS_OFFSET + 8 * i, slots[first + i]);
        }
        sector.setIntLE(CHECKSUM_OFFSET, crc.compute(sector, 0, CHECKSUM_OFFSET));
    }

    /** Returns the sequence, at least 1, if this is a valid sector {@code index}, else 0. */
    public static long sequence(ByteBuf sector, int index, Crc32c crc) {
        boolean valid = sector.getIntLE(MAGIC_OFFSET) == MAGIC
                && sector.getIntLE(INDEX_OFFSET) == index
                && sector.getIntLE(CHECKSUM_OFFSET) == crc.compute(sector, 0, CHECKSUM_OFFSET);
        return valid ? sector.getLongLE(SEQUENCE_OFFSET) : 0;
    }

    /** Reads the slots of sector {@code index} into a table. */
    public static void decode(ByteBuf sector, int index, long[] slots) {
        int first = index * SLOTS;
        for (int i = 0; i < SLOTS && first + i < slots.length; i++) {
            slots[first + i] = sector.getLongLE(SLOTS_OFFSET + 8 * i);
        }
    }
}
