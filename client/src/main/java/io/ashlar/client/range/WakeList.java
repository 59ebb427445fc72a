package io.ashlar.client.range;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import java.util.Arrays;

/** The owners that a loop has to wake after it has ended requests: each once, however many claims were granted. */
@ConfinedTo(LoopKind.DATA)
public final class WakeList {
    private RangeOwner[] owners = new RangeOwner[8];
    private int count;

    @SuppressWarnings("ReferenceEquality") // owners are identities
    void add(RangeOwner owner) {
        for (int i = 0; i < count; i++) {
            if (owners[i] == owner) {
                return;
            }
        }
        if (count == owners.length) {
            // More queues than ever wanted the same blocks at once: grows once, to at most the volume's queues.
            owners = Arrays.copyOf(owners, 2 * count);
        }
        owners[count++] = owner;
    }

    /** Wakes everyone on the list and empties it. */
    public void wakeAll() {
        for (int i = 0; i < count; i++) {
            owners[i].wake();
            owners[i] = null;
        }
        count = 0;
    }
}
