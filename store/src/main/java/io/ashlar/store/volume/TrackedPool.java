package io.ashlar.store.volume;

import io.ashlar.base.annotation.ThreadSafe;
import java.util.ArrayDeque;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;

/** The I/O pool as one volume uses it: it knows when none of the volume's tasks is left, so that files can be closed. */
@ThreadSafe
final class TrackedPool implements Executor {
    private static final long POLL_NS = 1_000_000;

    private final Executor pool;
    private final AtomicInteger tasks = new AtomicInteger();
    /** Guards itself, for the time of a put or a take; as many as were ever under way together. */
    private final ArrayDeque<Task> idle = new ArrayDeque<>();

    TrackedPool(Executor pool) {
        this.pool = pool;
    }

    @Override
    public void execute(Runnable task) {
        tasks.incrementAndGet();
        Task wrapper;
        synchronized (idle) {
            wrapper = idle.poll();
        }
        if (wrapper == null) {
            wrapper = new Task();
        }
        wrapper.work = task;
        pool.execute(wrapper);
    }

    /** Waits until no task is left; not on a loop and not in the pool. */
    void awaitIdle() {
        while (tasks.get() > 0) {
            LockSupport.parkNanos(POLL_NS);
        }
    }

    /** A task on its way through the pool; used again, since every flush needs some. */
    private final class Task implements Runnable {
        private Runnable work;

        @Override
        public void run() {
            Runnable mine = work;
            work = null;
            synchronized (idle) {
                idle.push(this);
            }
            try {
                mine.run();
            } finally {
                tasks.decrementAndGet();
            }
        }
    }
}
