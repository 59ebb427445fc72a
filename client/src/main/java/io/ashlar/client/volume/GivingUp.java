package io.ashlar.client.volume;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.block.BlockRequest;
import io.ashlar.base.status.Status;
import java.util.concurrent.TimeUnit;

/**
 * Hands requests of one queue back without an answer: when the I/O timeout is over, when the queue is closed while the
 * node can't be reached, when the volume has ended. Never one that is written to a connection which still stands: the
 * outbound buffer may refer to its memory.
 */
@ConfinedTo(LoopKind.DATA)
final class GivingUp {
    /** There is no request. */
    static final long NOTHING = Long.MIN_VALUE;

    /** A request is failed at most one part of the I/O timeout late. */
    private static final int TICKS = 8;

    private static final long TICK_NS_MAX = TimeUnit.SECONDS.toNanos(2);
    private static final long NO_TIMEOUT_NS = Long.MAX_VALUE / 4;

    private final RemoteQueue queue;
    private final SlotTable slots;
    private final WaitingRequests waiting;
    private final VolumeCounters counters;
    private final SlotList[] unsent;
    private final long timeoutNs;
    private final long tickNs;
    private long nowNs;
    private volatile long oldestNs = NOTHING;

    GivingUp(RemoteQueue queue, SlotTable slots, WaitingRequests waiting, VolumeCounters counters, int timeoutMs) {
        this.queue = queue;
        this.slots = slots;
        this.waiting = waiting;
        this.counters = counters;
        unsent = new SlotList[] {slots.toSend, slots.paused, slots.heldBack};
        timeoutNs = timeoutMs == 0 ? NO_TIMEOUT_NS : TimeUnit.MILLISECONDS.toNanos(timeoutMs);
        tickNs = Math.min(TICK_NS_MAX, timeoutNs / TICKS);
    }

    /** Returns how often {@link #tick} is to be called. */
    long tickNs() {
        return tickNs;
    }

    /** Sets the time, without looking at anything. */
    void startAt(long newNowNs) {
        nowNs = newNowNs;
    }

    /** Returns the time of the latest tick: by that requests are stamped, and no clock is read for each. */
    long nowNs() {
        return nowNs;
    }

    /** Returns when the oldest request was submitted, as of the latest tick, or {@link #NOTHING}. Any thread. */
    long oldestNs() {
        return oldestNs;
    }

    /**
     * Sets the time, hands back what waited for a slot too long, and finds the oldest request.
     *
     * @return whether a request that was sent is overdue: its connection has to be broken off
     */
    boolean tick(long newNowNs) {
        nowNs = newNowNs;
        long oldest = waiting.expire(deadlineNs(), nowNs);
        for (SlotList list : unsent) {
            oldest = older(oldest, list);
        }
        oldest = older(oldest, slots.sent);
        oldestNs = oldest == nowNs ? NOTHING : oldest;
        for (BlockRequest late = waiting.pollExpired(); late != null; late = waiting.pollExpired()) {
            counters.abandoned.increment();
            queue.handBack(late, Status.TIMED_OUT);
        }
        for (RequestSlot slot = slots.sent.first(); slot != null; slot = slot.next) {
            if (isOverdue(slot.request())) {
                return true;
            }
        }
        return false;
    }

    private static long older(long oldestNs, SlotList list) {
        long result = oldestNs;
        for (RequestSlot slot = list.first(); slot != null; slot = slot.next) {
            long submittedNs = slot.request().submittedNs();
            result = submittedNs - result < 0 ? submittedNs : result;
        }
        return result;
    }

    /** A stamp is up to a tick older than its request, which is never failed early because of that. */
    private long deadlineNs() {
        return nowNs - timeoutNs - tickNs;
    }

    /** Returns whether the request has taken longer than the I/O timeout, from when it was submitted. */
    boolean isOverdue(BlockRequest request) {
        return request.submittedNs() - deadlineNs() < 0;
    }

    /** Gives up what is overdue and on no connection. */
    void abandonOverdue() {
        for (SlotList list : unsent) {
            for (RequestSlot slot = list.first(); slot != null; ) {
                RequestSlot following = slot.next;
                if (isOverdue(slot.request())) {
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
