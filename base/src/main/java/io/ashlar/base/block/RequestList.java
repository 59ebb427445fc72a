package io.ashlar.base.block;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;

/** A first-in, first-out list of requests, linked through themselves: parking costs no allocation. */
@ConfinedTo(LoopKind.DATA)
public final class RequestList {
    private BlockRequest head;
    private BlockRequest tail;

    /** Returns whether it is empty. */
    public boolean isEmpty() {
        return head == null;
    }

    /** Appends a request, which must be in no list. */
    public void add(BlockRequest request) {
        request.next = null;
        if (head == null) {
            head = request;
        } else {
            tail.next = request;
        }
        tail = request;
    }

    /** Removes and returns the first request, or null. */
    public BlockRequest poll() {
        BlockRequest first = head;
        if (first != null) {
            head = first.next;
            first.next = null;
        }
        return first;
    }

    /** Returns the first request without removing it, or null. */
    public BlockRequest peek() {
        return head;
    }
}
