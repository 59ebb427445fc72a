package io.ashlar.store.latch;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;

/**
 * A right to blocks of one region: asked for, granted, used, released, and then free to be used again. Embedded in
 * whatever does the work; the answers that can't be given at once come as calls, on any thread, which must only post.
 */
@ConfinedTo(LoopKind.OWNER)
public abstract class RangeClaim {
    long firstBlock;
    long endBlock;
    boolean exclusive;
    boolean granted;
    boolean releasing;
    RangeClaim before;
    RangeClaim after;
    RangeClaim nextMail;

    /** Says what to claim next; the blocks lie in one region. Not while the claim is in use. */
    public final void set(long newFirstBlock, long newEndBlock, boolean newExclusive) {
        firstBlock = newFirstBlock;
        endBlock = newEndBlock;
        exclusive = newExclusive;
    }

    /** Returns the first block claimed, counted from the start of the volume. */
    public final long firstBlock() {
        return firstBlock;
    }

    /** Returns the number of blocks claimed. */
    public final int blocks() {
        return (int) (endBlock - firstBlock);
    }

    final boolean conflictsWith(RangeClaim other) {
        return firstBlock < other.endBlock && other.firstBlock < endBlock && (exclusive || other.exclusive);
    }

    /** Called when {@link RangeLatch#claim} had returned false and the claim is granted now. */
    protected abstract void onGranted();

    /** Called when {@link RangeLatch#release} had returned false and the claim is free now. */
    protected abstract void onReleased();
}
