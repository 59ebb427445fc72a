package io.ashlar.client.range;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.block.BlockGeometry;

/**
 * The claim of one request on its range, in whole 4 KiB blocks. Made once per request slot. A claim inside a region needs
 * one hold; a longer one takes its region holds one after the other and stops at the first that has to wait.
 */
@ConfinedTo(LoopKind.DATA)
public final class RangeClaim {
    private final RangeTable table;
    private final RangeOwner owner;
    private final HoldPool pool;
    private RangeTable.Hold newest;
    private long nextBlock;
    private long endBlock;
    private boolean write;

    /** Creates an idle claim of this owner; the pool is the owner's. */
    public RangeClaim(RangeTable table, RangeOwner owner, HoldPool pool) {
        this.table = table;
        this.owner = owner;
        this.pool = pool;
    }

    /**
     * Claims the range of bytes, rounded outward to blocks.
     *
     * @return whether all of it is granted; otherwise {@link #isGranted} says so later, after the owner was woken
     */
    public boolean start(long offsetBytes, long lengthBytes, boolean forWrite) {
        nextBlock = BlockGeometry.blockOf(offsetBytes);
        endBlock = BlockGeometry.blockOf(offsetBytes + lengthBytes - 1) + 1;
        write = forWrite;
        return advance();
    }

    private boolean advance() {
        while (nextBlock < endBlock) {
            long regionEnd = (nextBlock / BlockGeometry.REGION_BLOCKS + 1) * BlockGeometry.REGION_BLOCKS;
            RangeTable.Hold hold = pool.take();
            hold.set(owner, nextBlock, Math.min(endBlock, regionEnd), write);
            hold.nextOfClaim = newest;
            newest = hold;
            nextBlock = regionEnd;
            if (!table.enter(hold)) {
                return false;
            }
        }
        return true;
    }

    /** Returns whether all of the range is granted, after claiming what could not be claimed before. */
    public boolean isGranted() {
        return (newest == null || newest.isGranted()) && advance();
    }

    /** Gives the range up, granted or not; without effect when nothing is claimed. */
    public void end(WakeList woken) {
        nextBlock = endBlock;
        while (newest != null) {
            RangeTable.Hold hold = newest;
            newest = hold.nextOfClaim;
            table.leave(hold, woken);
            pool.giveBack(hold);
        }
    }
}
