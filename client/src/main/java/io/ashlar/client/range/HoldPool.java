package io.ashlar.client.range;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;

/**
 * The unused holds of one queue. One per request slot is made beforehand; claims across many regions make more, once,
 * which stay here.
 */
@ConfinedTo(LoopKind.DATA)
public final class HoldPool {
    private RangeTable.Hold free;

    /** Creates a pool with this many holds. */
    public HoldPool(int count) {
        for (int i = 0; i < count; i++) {
            giveBack(new RangeTable.Hold());
        }
    }

    RangeTable.Hold take() {
        RangeTable.Hold hold = free;
        if (hold == null) {
            return new RangeTable.Hold();
        }
        free = hold.nextOfClaim;
        return hold;
    }

    void giveBack(RangeTable.Hold hold) {
        hold.nextOfClaim = free;
        free = hold;
    }
}
