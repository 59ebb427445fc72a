package io.ashlar.base.block;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;

/** The CRC32C of each 4 KiB block that a data request touches, in order. Allocated once per request slot. */
@ConfinedTo(LoopKind.DATA)
public final class ChecksumList {
    private final int[] values;
    private int count;

    /** Creates an empty list with room for {@code blocksMax} blocks. */
    public ChecksumList(int blocksMax) {
        values = new int[blocksMax];
    }

    /** Sets the number of checksums; their values are undefined until set. */
    public void resize(int newCount) {
        if (newCount < 0 || newCount > values.length) {
            throw new IndexOutOfBoundsException(newCount + " of " + values.length);
        }
        count = newCount;
    }

    /** Returns how many there are. */
    public int count() {
        return count;
    }

    /** Returns the checksum of the {@code i}-th block touched. */
    public int get(int i) {
        return values[i];
    }

    /** Sets the checksum of the {@code i}-th block touched. */
    public void set(int i, int checksum) {
        values[i] = checksum;
    }
}
