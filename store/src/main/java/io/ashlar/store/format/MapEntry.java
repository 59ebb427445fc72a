package io.ashlar.store.format;

import com.google.errorprone.annotations.Immutable;
import io.netty.buffer.ByteBuf;

/**
 * The map entry of a block, 16 bytes in the metadata file: what the block holds, and what it held before. It is written
 * before the data, so that after a crash the block matches one of the two; {@code previous} counts nowhere else.
 *
 * <pre>
 *   0 u32 previous checksum | 4 u32 next checksum | 8 u8 states (bits 0-1 next, 2-3 previous, 7 always set) | 9 u24 0
 *   12 u32 check: CRC32C of bytes 0 to 11, block in the extent (u32), extent (u32), layer (u32)
 * </pre>
 *
 * 16 bytes, so that no entry lies across two sectors. An entry of 16 zero bytes is valid, and absent, only in a region that
 * has never been written, whose whole page is zero.
 */
@Immutable
public final class MapEntry {
    /** Bytes of an entry. */
    public static final int BYTES = 16;

    /** State: never written; reads as zeroes (later: falls through to the older layer). */
    public static final byte ABSENT = 0;
    /** State: holds data of the checksum. */
    public static final byte DATA = 1;
    /** State: zeroed or discarded, a hole or zeroes in the data file. */
    public static final byte ZERO = 2;
    /** State in memory only: the entry was damaged, nobody knows what the block holds. */
    public static final byte CORRUPT = 3;

    static final int PREVIOUS_OFFSET = 0;
    static final int NEXT_OFFSET = 4;
    static final int STATES_OFFSET = 8;
    static final int CHECK_OFFSET = 12;
    static final int STATES_VALID = 0x80;

    private MapEntry() {}

    /** Writes the entry of block {@code block} of an extent at an index of the buffer. */
    public static void encode(
            ByteBuf page, int index, BlockVersion previous, BlockVersion next, ExtentHeader extent, int block) {
        int states = STATES_VALID | next.state | previous.state << 2;
        page.setIntLE(index + PREVIOUS_OFFSET, previous.checksum);
        page.setIntLE(index + NEXT_OFFSET, next.checksum);
        page.setIntLE(index + STATES_OFFSET, states);
        page.setIntLE(index + CHECK_OFFSET, check(page.getLongLE(index + PREVIOUS_OFFSET), states, extent, block));
    }

    /** Returns whether the entry's check is right; reads both versions. */
    public static boolean decode(
            ByteBuf page, int index, BlockVersion previous, BlockVersion next, ExtentHeader extent, int block) {
        int states = page.getIntLE(index + STATES_OFFSET);
        previous.checksum = page.getIntLE(index + PREVIOUS_OFFSET);
        next.checksum = page.getIntLE(index + NEXT_OFFSET);
        next.state = (byte) (states & 3);
        previous.state = (byte) (states >> 2 & 3);
        int check = check(page.getLongLE(index + PREVIOUS_OFFSET), states, extent, block);
        return (states & STATES_VALID) != 0 && next.state != CORRUPT && page.getIntLE(index + CHECK_OFFSET) == check;
    }

    /** Returns the next checksum of an entry that was encoded just now. */
    public static int nextChecksum(ByteBuf page, int index) {
        return page.getIntLE(index + NEXT_OFFSET);
    }

    /** Returns whether the 16 bytes are all zero. */
    public static boolean isBlank(ByteBuf page, int index) {
        return (page.getLong(index) | page.getLong(index + 8)) == 0;
    }

    private static int check(long checksums, int states, ExtentHeader extent, int block) {
        int crc = EntryChecksum.update(-1, checksums);
        crc = EntryChecksum.update(crc, Integer.toUnsignedLong(states) | (long) block << 32);
        return ~EntryChecksum.update(crc, Integer.toUnsignedLong(extent.index()) | (long) extent.layer() << 32);
    }
}
