package io.ashlar.store.format;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;

/** What a block holds, or held: a state of {@link MapEntry}, and with {@link MapEntry#DATA} its CRC32C. Scratch, reused. */
@ConfinedTo(LoopKind.OWNER)
public final class BlockVersion {
    byte state;
    int checksum;

    /** Sets both; the checksum of anything but data is 0. */
    public BlockVersion set(byte newState, int newChecksum) {
        state = newState;
        checksum = newState == MapEntry.DATA ? newChecksum : 0;
        return this;
    }

    /** Returns the state. */
    public byte state() {
        return state;
    }

    /** Returns the checksum; 0 unless the state is data. */
    public int checksum() {
        return checksum;
    }
}
