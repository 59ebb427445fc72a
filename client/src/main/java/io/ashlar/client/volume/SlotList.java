package io.ashlar.client.volume;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;

/** A doubly linked list through the slots themselves; a slot is in at most one. */
@ConfinedTo(LoopKind.DATA)
final class SlotList {
    private RequestSlot first;
    private RequestSlot last;
    private int count;

    boolean isEmpty() {
        return count == 0;
    }

    int count() {
        return count;
    }

    RequestSlot first() {
        return first;
    }

    void add(RequestSlot slot) {
        slot.list = this;
        slot.previous = last;
        slot.next = null;
        if (last == null) {
            first = slot;
        } else {
            last.next = slot;
        }
        last = slot;
        count++;
    }

    void addFirst(RequestSlot slot) {
        slot.list = this;
        slot.previous = null;
        slot.next = first;
        if (first == null) {
            last = slot;
        } else {
            first.previous = slot;
        }
        first = slot;
        count++;
    }

    @SuppressWarnings("ReferenceEquality") // a slot is an identity
    void remove(RequestSlot slot) {
        if (slot.list != this) {
            throw new IllegalStateException("slot " + slot.index + " is in another list");
        }
        if (slot.previous == null) {
            first = slot.next;
        } else {
            slot.previous.next = slot.next;
        }
        if (slot.next == null) {
            last = slot.previous;
        } else {
            slot.next.previous = slot.previous;
        }
        slot.list = null;
        slot.previous = null;
        slot.next = null;
        count--;
    }

    /** Removes and returns the first slot, or null. */
    RequestSlot poll() {
        RequestSlot slot = first;
        if (slot != null) {
            remove(slot);
        }
        return slot;
    }

    /** Puts all slots of the other list, in their order, before those of this one. */
    void addAllFirst(SlotList other) {
        while (other.last != null) {
            RequestSlot slot = other.last;
            other.remove(slot);
            addFirst(slot);
        }
    }
}
