package io.ashlar.store.format;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.netty.buffer.ByteBuf;

/**
 * The block map of one region in memory: state and checksum of each block, 5 bytes a block. Whoever holds the claim on a
 * block may use its element; the claim also makes it visible to the next holder, on whatever thread that is.
 */
@ConfinedTo(LoopKind.OWNER)
public final class RegionMap {
    private final byte[] states;
    private final int[] checksums;
    private volatile boolean blank;
    private boolean recentlyUsed = true;

    private RegionMap(int blocks) {
        states = new byte[blocks];
        checksums = new int[blocks];
    }

    /**
     * Reads the map from the region's page of entries. A damaged entry makes its block {@link MapEntry#CORRUPT}.
     *
     * @param region which region of the extent
     */
    public static RegionMap decode(ByteBuf page, ExtentHeader extent, int region) {
        int blocks = extent.shape().regionBlocks();
        RegionMap map = new RegionMap(blocks);
        map.blank = isBlank(page, blocks);
        if (map.blank) {
            return map;
        }
        BlockVersion previous = new BlockVersion();
        BlockVersion next = new BlockVersion();
        for (int i = 0; i < blocks; i++) {
            if (MapEntry.decode(page, i * MapEntry.BYTES, previous, next, extent, region * blocks + i)) {
                map.set(i, next.state, next.checksum);
            } else {
                map.set(i, MapEntry.CORRUPT, 0);
            }
        }
        return map;
    }

    /** Returns whether the page has never been written. */
    public static boolean isBlank(ByteBuf page, int blocks) {
        for (int i = 0; i < blocks; i++) {
            if (!MapEntry.isBlank(page, i * MapEntry.BYTES)) {
                return false;
            }
        }
        return true;
    }

    /** Returns the number of blocks. */
    public int blocks() {
        return states.length;
    }

    /** Returns the state of a block of the region. */
    public byte state(int block) {
        return states[block];
    }

    /** Returns the checksum of a block of the region, 0 unless it is data. */
    public int checksum(int block) {
        return checksums[block];
    }

    /** Sets what a block of the region holds. */
    public void set(int block, byte state, int checksum) {
        states[block] = state;
        checksums[block] = state == MapEntry.DATA ? checksum : 0;
    }

    /** Returns whether the page on disk is still all zero; the first change writes it whole. */
    public boolean isBlank() {
        return blank;
    }

    /** Says that the page has been written. */
    public void written() {
        blank = false;
    }

    /** Notes a use, for the cache; a lost update does no harm. */
    public void touch() {
        if (!recentlyUsed) {
            recentlyUsed = true;
        }
    }

    /** Returns whether it was used since the last call. */
    public boolean clearRecentlyUsed() {
        boolean used = recentlyUsed;
        recentlyUsed = false;
        return used;
    }

    /** Returns whether all of {@code count} blocks from {@code first} have the state. */
    public boolean areAll(byte state, int first, int count) {
        for (int i = first; i < first + count; i++) {
            if (states[i] != state) {
                return false;
            }
        }
        return true;
    }

    /** Returns whether some of {@code count} blocks from {@code first} have the state. */
    public boolean isAny(byte state, int first, int count) {
        for (int i = first; i < first + count; i++) {
            if (states[i] == state) {
                return true;
            }
        }
        return false;
    }
}
