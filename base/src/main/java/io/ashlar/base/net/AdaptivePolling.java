package io.ashlar.base.net;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.time.Clock;
import io.netty.channel.SelectStrategy;
import io.netty.util.IntSupplier;

/**
 * How a data loop waits for events: it looks again for a few tens of microseconds before it sleeps, as long as that has
 * paid lately. Being woken is what a request at depth 1 waits for most; but an idle host burns nothing, because a loop whose
 * events come seldom stops looking after a few of them.
 *
 * <p>The time for looking grows when the loop had to sleep for an event that longer looking would have caught, and shrinks,
 * down to nothing, when none allowed would have. Where looking fails time after time although events come soon after it,
 * whoever makes them needs this very CPU; then there is no looking for a good while. A task posted by another thread is seen
 * when the looking ends.
 */
@ConfinedTo(LoopKind.DATA)
final class AdaptivePolling implements SelectStrategy {
    /** The longest time for looking; QEMU's I/O threads have the same (poll-max-ns, 32768). */
    static final long POLL_NS_MAX = 32_768;

    /** Where growing begins: about the time of a few system calls. */
    static final long POLL_NS_MIN = 4_096;

    /** So many times of looking in vain, one after another, prove that it does not pay; growing takes four. */
    static final int MISSES_MAX = 8;

    /** For so many waits there is no looking after that. */
    static final int REST_WAITS = 1024;

    private final Clock clock;
    private long pollNs;
    private int misses;
    private int restWaits;
    private boolean slept;
    private long waitedSinceNs;

    AdaptivePolling(Clock clock) {
        this.clock = clock;
    }

    /** Returns the number of events that are there, or {@link SelectStrategy#SELECT} to sleep. */
    @Override
    public int calculateStrategy(IntSupplier eventsNow, boolean hasTasks) throws Exception {
        if (hasTasks) {
            return eventsNow.get();
        }
        long startNs = clock.nowNs();
        if (slept) {
            slept = false;
            adapt(startNs - waitedSinceNs);
        }
        long nowNs = startNs;
        while (nowNs - startNs < pollNs) {
            int events = eventsNow.get();
            if (events > 0) {
                misses = 0;
                return events;
            }
            nowNs = clock.nowNs();
        }
        misses += pollNs > 0 ? 1 : 0;
        slept = true;
        waitedSinceNs = startNs;
        return SELECT;
    }

    /** Draws the lesson from looking and sleeping, which includes the handling of the events that ended it. */
    private void adapt(long waitedNs) {
        if (misses == MISSES_MAX) {
            misses = 0;
            pollNs = 0;
            restWaits = REST_WAITS;
        } else if (restWaits > 0) {
            restWaits--;
        } else if (waitedNs <= POLL_NS_MAX) {
            pollNs = Math.min(POLL_NS_MAX, Math.max(POLL_NS_MIN, 2 * pollNs));
        } else {
            pollNs = pollNs > POLL_NS_MIN ? pollNs / 2 : 0;
        }
    }

    /** Returns how long it looks at present. */
    long pollNs() {
        return pollNs;
    }
}
