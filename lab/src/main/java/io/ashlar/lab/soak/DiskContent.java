package io.ashlar.lab.soak;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import java.nio.ByteBuffer;

/**
 * What each 4 KiB block of the disk may hold. Every write gives its blocks a new version, which the bytes tell, and the load
 * never has two writes of a block in flight. So a block may hold any version from the newest that was acknowledged, or read, when
 * the read was sent, to the newest that has been written when its answer came.
 */
@ConfinedTo(LoopKind.OWNER)
final class DiskContent {
    static final int BLOCK_BYTES = 4096;

    private static final long MIX = 0x9E37_79B9_7F4A_7C15L;

    private final long[] known;
    private final long[] newest;
    private final boolean[] writing;

    DiskContent(int blocks) {
        known = new long[blocks];
        newest = new long[blocks];
        writing = new boolean[blocks];
    }

    int blocks() {
        return known.length;
    }

    /** Returns whether a write of any of the blocks is in flight. */
    boolean isWriting(int first, int count) {
        for (int block = first; block < first + count; block++) {
            if (writing[block]) {
                return true;
            }
        }
        return false;
    }

    /** Fills a write's data; the blocks may hold the version from now on. */
    void write(int first, int count, long version, ByteBuffer data) {
        for (int i = 0; i < count; i++) {
            int block = first + i;
            writing[block] = true;
            newest[block] = version;
            for (int word = 0; word < BLOCK_BYTES / Long.BYTES; word++) {
                data.putLong(i * BLOCK_BYTES + word * Long.BYTES, wordOf(block, version, word));
            }
        }
    }

    /** A write has been acknowledged: nothing older may be read any more. */
    void acknowledged(int first, int count, long version) {
        for (int block = first; block < first + count; block++) {
            writing[block] = false;
            known[block] = Math.max(known[block], version);
        }
    }

    /** Returns what a block holds at least, for a read that is sent now. */
    long oldest(int block) {
        return known[block];
    }

    /** Checks one block of a read's answer; returns null, or what is wrong. */
    String check(int block, long oldest, ByteBuffer data, int at) {
        long version = data.getLong(at);
        for (int word = 0; word < BLOCK_BYTES / Long.BYTES; word++) {
            if (data.getLong(at + word * Long.BYTES) != wordOf(block, version, word)) {
                return "block " + block + " is torn or of another place: it begins with version " + version + ", word "
                        + word + " is not of it";
            }
        }
        if (version < oldest || version > newest[block]) {
            return "block " + block + " has version " + version + ", but " + oldest
                    + " was acknowledged or read before, and " + newest[block] + " is the newest written";
        }
        known[block] = Math.max(known[block], version);
        return null;
    }

    /** A block that was never written, version 0, is zeroes. */
    private static long wordOf(int block, long version, int word) {
        if (version == 0 || word == 0) {
            return version;
        }
        return (version * MIX ^ block) * MIX + word;
    }
}
