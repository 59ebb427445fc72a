package io.ashlar.store.config;

import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;

/** Wakes the store later, for what it does in the background. */
@FunctionalInterface
public interface StoreTimer {
    /** Never wakes anybody: for tools and tests that want no background work. */
    StoreTimer NONE = (task, delayNs) -> {};

    /** Returns one that uses an executor's threads, which should be told to discard what comes after its end. */
    static StoreTimer of(ScheduledExecutorService executor) {
        return (task, delayNs) -> {
            var unused = executor.schedule(task, delayNs, TimeUnit.NANOSECONDS);
        };
    }

    /**
     * Runs the task after at least the delay, or never if the process ends before. Any thread may ask; the task only posts.
     *
     * @param delayNs nanoseconds, not negative
     */
    void schedule(Runnable task, long delayNs);
}
