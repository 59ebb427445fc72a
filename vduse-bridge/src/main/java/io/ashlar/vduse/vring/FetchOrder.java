package io.ashlar.vduse.vring;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;

/**
 * Holds completed chains back until all fetched before them are complete, so that used elements appear in the order of
 * fetching. What is outstanding after a crash is then exactly the avail entries from used.idx on, and no log is needed.
 */
@ConfinedTo(LoopKind.DATA)
final class FetchOrder {
    private static final int PENDING = -1;

    private final int[] heads;
    private final int[] writtenBytesOf;
    private final int mask;
    private int first;
    private int end;

    FetchOrder(int size) {
        heads = new int[size];
        writtenBytesOf = new int[size];
        mask = size - 1;
    }

    void fetched(int head) {
        heads[end++ & mask] = head;
        writtenBytesOf[head] = PENDING;
    }

    void completed(int head, int writtenBytes) {
        writtenBytesOf[head] = writtenBytes;
    }

    /** Returns the oldest chain if it is complete and not taken yet, else -1. */
    int nextHead() {
        if (first == end) {
            return -1;
        }
        int head = heads[first & mask];
        return writtenBytesOf[head] == PENDING ? -1 : head;
    }

    /** Takes the chain that {@link #nextHead} returned; returns its written bytes. */
    int take() {
        return writtenBytesOf[heads[first++ & mask]];
    }
}
