package io.ashlar.client.volume;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.block.BlockRequest;
import io.ashlar.base.status.Status;

/**
 * Hands requests of one queue back without an answer: when the I/O timeout is over, when the queue is closed while the
 * node can't be reached, when the volume has ended. Never one that is written to a connection which still stands: the
 * outbound buffer may refer to its memory.
 */
@ConfinedTo(LoopKind.DATA)
final class GivingUp {
    private final RemoteQueue queue;
    private final SlotTable slots;
    private final WaitingRequests waiting;
    private final VolumeCounters counters;
    private final SlotList[] unsent;
    private long step;

    GivingUp(RemoteQueue queue, SlotTable slots, WaitingRequests waiting, VolumeCounters counters) {
        this.queue = queue;
        this.slots = slots;
        this.waiting = waiting;
        this.counters = counters;
        unsent = new SlotList[] {slots.toSend, slots.paused, slots.heldBack};
    }

    /** Returns the step of the I/O timeout in which a request that is this many steps old came. */
    long bornStep(int age) {
        return step - age;
    }

    /**
     * Ends a step of the I/O timeout and hands back what waited for a slot too long.
     *
     * @return whether a request that was sent is overdue: its connection has to be broken off
     */
    boolean endStep() {
        step++;
        waiting.turn();
        for (BlockRequest late = waiting.pollExpired(); late != null; late = waiting.pollExpired()) {
            counters.abandoned.increment();
            queue.handBack(late, Status.TIMED_OUT);
        }
        for (RequestSlot slot = slots.sent.first(); slot != null; slot = slot.next) {
            if (isOverdue(slot)) {
                return true;
            }
        }
        return false;
    }

    private boolean isOverdue(RequestSlot slot) {
        return step - slot.bornStep > WaitingRequests.STEPS;
    }

    /** Gives up what is overdue and on no connection. */
    void abandonOverdue() {
        for (SlotList list : unsent) {
            for (RequestSlot slot = list.first(); slot != null; ) {
                RequestSlot following = slot.next;
                if (isOverdue(slot)) {
                    abandon(list, slot, Status.TIMED_OUT);
                }
                // Whoever got a request back may have submitted another, and so moved the rest.
                slot = following == null || slots.isIn(following, list) ? following : list.first();
            }
        }
    }

    /** Gives up everything; there is no connection. */
    void abandonAll() {
        for (SlotList list : unsent) {
            while (!list.isEmpty()) {
                abandon(list, list.first(), Status.UNAVAILABLE);
            }
        }
        failWaiting(Status.UNAVAILABLE);
    }

    /** One that the node never saw is over; the others keep their range until the node says that they are. */
    private void abandon(SlotList list, RequestSlot slot, Status status) {
        list.remove(slot);
        counters.abandoned.increment();
        if (slot.mayBeAtNode) {
            BlockRequest request = slot.takeRequest();
            slots.abandoned.add(slot);
            queue.handBack(request, status);
        } else {
            queue.finish(slot, status);
        }
    }

    /** Fails everything with the volume's final status; there is no connection, and ranges matter no more. */
    void failAll(Status status) {
        for (SlotList list : unsent) {
            for (RequestSlot slot = list.poll(); slot != null; slot = list.poll()) {
                queue.finish(slot, status);
            }
        }
        failWaiting(status);
    }

    private void failWaiting(Status status) {
        for (BlockRequest request = waiting.poll(); request != null; request = waiting.poll()) {
            queue.handBack(request, status);
        }
    }
}
