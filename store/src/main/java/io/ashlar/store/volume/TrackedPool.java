package io.ashlar.store.volume;

import io.ashlar.base.annotation.ThreadSafe;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;

/** The I/O pool as one volume uses it: it knows when none of the volume's tasks is left, so that files can be closed. */
@ThreadSafe
final class TrackedPool implements Executor {
    private static final long POLL_NS = 1_000_000;

    private final Executor pool;
    private final AtomicInteger tasks = new AtomicInteger();

    TrackedPool(Executor pool) {
        this.pool = pool;
    }

    @Override
    public void execute(Runnable task) {
        tasks.incrementAndGet();
        pool.execute(() -> {
            try {
                task.run();
            } finally {
                tasks.decrementAndGet();
            }
        });
    }

    /** Waits until no task is left; not on a loop and not in the pool. */
    void awaitIdle() {
        while (tasks.get() > 0) {
            LockSupport.parkNanos(POLL_NS);
        }
    }
}
