package io.ashlar.base.net;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;

/**
 * For how long it pays to look for an event before sleeping. The time grows when the loop had to sleep for an event that longer
 * looking would have caught, and shrinks, down to nothing, when none allowed would have. Where looking fails time after time
 * although events come soon after it, whoever makes them needs this very CPU; then there is no looking for a good while. A task
 * posted by another thread is seen when the looking ends.
 */
@ConfinedTo(LoopKind.DATA)
final class Patience {
    /** The longest time for looking; QEMU's I/O threads have half of it (poll-max-ns, 32768). */
    static final long POLL_NS_MAX = 65_536;

    /** Where growing begins: about the time of a few system calls. */
    static final long POLL_NS_MIN = 4_096;

    /** So many times of looking in vain, one after another, prove that it does not pay; growing takes five. */
    static final int MISSES_MAX = 8;

    /** For so many waits there is no looking after that. */
    static final int REST_WAITS = 2048;

    private long pollNs;
    private int misses;
    private int restWaits;

    /** Returns how long to look at present. */
    long pollNs() {
        return pollNs;
    }

    /** Looking has found an event. */
    void hit() {
        misses = 0;
    }

    /** Looking has found nothing, or there was none; the loop sleeps. */
    void miss() {
        misses += pollNs > 0 ? 1 : 0;
    }

    /** Draws the lesson from the time of looking and sleeping. */
    void learn(long waitedNs) {
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
}
