package io.ashlar.server;

import io.ashlar.base.annotation.ThreadSafe;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The threads that wait for the disk. Unlike the JDK's pools it allocates nothing per task, neither to queue it nor to
 * wait for it: every flush comes through here. What a task throws is a defect: it is logged, and the thread goes on.
 */
@ThreadSafe
final class IoPool implements Executor, AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(IoPool.class);
    private static final long END_MS = 1_000;

    /** Guards itself and {@code closed}; held for the time of a put or a take. */
    private final ArrayDeque<Runnable> tasks = new ArrayDeque<>(1024);

    private final List<Thread> threads = new ArrayList<>();
    private boolean closed;

    /** Starts the threads. */
    IoPool(int count) {
        for (int i = 0; i < count; i++) {
            Thread thread = new Thread(this::work, "io");
            threads.add(thread);
            thread.start();
        }
    }

    @Override
    public void execute(Runnable task) {
        synchronized (tasks) {
            if (closed) {
                throw new RejectedExecutionException("the I/O pool is closed");
            }
            tasks.add(task);
            tasks.notify();
        }
    }

    private void work() {
        for (Runnable task = next(); task != null; task = next()) {
            try {
                task.run();
            } catch (RuntimeException | Error e) {
                LOG.error("internal error of an I/O task", e);
            }
        }
    }

    /** Waits for a task; null when there will be none any more. */
    private Runnable next() {
        synchronized (tasks) {
            while (tasks.isEmpty() && !closed) {
                try {
                    tasks.wait();
                } catch (InterruptedException e) {
                    return null;
                }
            }
            return tasks.poll();
        }
    }

    /** Ends the threads when the tasks are done; after a second those that still wait are interrupted. */
    @Override
    public void close() {
        synchronized (tasks) {
            closed = true;
            tasks.notifyAll();
        }
        try {
            for (Thread thread : threads) {
                TimeUnit.MILLISECONDS.timedJoin(thread, END_MS);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        threads.forEach(Thread::interrupt);
    }
}
