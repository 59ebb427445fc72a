package io.ashlar.store.intent;

import io.ashlar.base.annotation.ThreadSafe;
import io.ashlar.store.config.StoreTimer;
import java.util.Arrays;

/**
 * Tells the intent table when to look for idle regions, and which those are. It counts time in steps of its own and maps
 * them to the table's ticks, so that a write notes a number and never asks a clock. It sleeps while nobody arms it, which
 * the table does as long as there are marks.
 */
@ThreadSafe
final class IdleWatch {
    /** From one look to the next. */
    static final long STEP_NS = 10_000_000_000L;
    /** Looks that a region must have seen without a write; it has then been idle for 30 s to 40 s. */
    private static final int STEPS_IDLE = 3;
    /** No tick is as old. */
    private static final long NONE = -1;

    private final StoreTimer timer;
    private final Runnable onDue;
    /** The table's tick at each of the last looks, newest first. Used by the table's thread. */
    private final long[] ticks = new long[STEPS_IDLE + 1];

    private boolean armed;
    private boolean due;
    private boolean stopped;

    IdleWatch(StoreTimer timer, Runnable onDue) {
        this.timer = timer;
        this.onDue = onDue;
        forget();
    }

    /** Asks to be woken once more; nothing happens if that has been asked for. */
    synchronized void arm() {
        if (!armed && !stopped) {
            armed = true;
            timer.schedule(this::wake, STEP_NS);
        }
    }

    /** On the timer's thread: only posts. Under the lock, so that nothing is posted once {@link #stop} has returned. */
    private synchronized void wake() {
        armed = false;
        if (!stopped) {
            due = true;
            onDue.run();
        }
    }

    /** Returns whether it is time for a look, once. What was written up to now has this tick or a lower one. */
    boolean takeDue(long lastTick) {
        synchronized (this) {
            if (!due) {
                return false;
            }
            due = false;
        }
        System.arraycopy(ticks, 0, ticks, 1, STEPS_IDLE);
        ticks[0] = lastTick;
        return true;
    }

    /** Returns whether it is time for a look. */
    synchronized boolean isDue() {
        return due;
    }

    /** Returns the tick of the last write to regions that count as idle. */
    long idleTick() {
        return ticks[STEPS_IDLE];
    }

    /** Starts anew: without marks the watch sleeps, so the looks before say nothing about time. */
    void forget() {
        Arrays.fill(ticks, NONE);
    }

    /** Never wakes the table again, and takes back what it has asked for. */
    synchronized void stop() {
        stopped = true;
        due = false;
    }
}
