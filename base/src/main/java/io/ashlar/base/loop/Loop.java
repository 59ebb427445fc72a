package io.ashlar.base.loop;

import io.ashlar.base.time.Clock;

/**
 * A thread that works off events, as the owner of confined objects sees it. In production an epoll loop pinned to a CPU,
 * in a test or simulation a queue that is stepped. All methods but {@link #assertInLoop()} may be called by any thread.
 */
public interface Loop {
    /** Returns a short name for logs and metrics, such as {@code data-0}. */
    String name();

    /** Returns the clock that this loop lives by. */
    Clock clock();

    /** Returns whether the calling thread is this loop. */
    boolean inLoop();

    /** Runs the task on the loop, later, in the order of posting. Allocates: not for the data path. */
    void execute(Runnable task);

    /**
     * Runs the task on the loop after at least the delay.
     *
     * @param delayNs nanoseconds, not negative
     * @return a handle to call it off
     */
    Scheduled schedule(Runnable task, long delayNs);

    /**
     * Looks at the source at every turn from now on, and arms it before sleeping; then the watch is over. Watching what is
     * watched changes nothing. On the loop. A loop that can't tell when it is about to sleep, such as this one, arms the source at
     * once; it posts, which allocates, and posts again for each call while there is work.
     */
    default void watch(MemorySource source) {
        if (source.arm()) {
            execute(source::work);
        }
    }

    /** Ends the watch; the source is not armed. On the loop. */
    default void unwatch(MemorySource source) {}

    /** Throws {@link IllegalStateException} unless the calling thread is this loop: a broken threading rule. */
    default void assertInLoop() {
        if (!inLoop()) {
            throw new IllegalStateException(
                    "called on " + Thread.currentThread().getName() + ", belongs to " + name());
        }
    }

    /** A task that waits for its time. */
    @FunctionalInterface
    interface Scheduled {
        /** Calls the task off; without effect if it has run or runs now. */
        void cancel();
    }
}
