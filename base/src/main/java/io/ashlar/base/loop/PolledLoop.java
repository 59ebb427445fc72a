package io.ashlar.base.loop;

import io.ashlar.base.annotation.ThreadSafe;
import io.ashlar.base.time.Clock;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;

/**
 * A loop that the thread which made it runs when it wants to; any thread may post. For programs that use a store by
 * themselves, without sockets. It has no timers.
 */
@ThreadSafe
public final class PolledLoop implements Loop {
    private static final long POLL_NS = 5_000;

    private final Thread owner = Thread.currentThread();
    private final Queue<Runnable> tasks = new ConcurrentLinkedQueue<>();

    @Override
    public String name() {
        return "polled";
    }

    @Override
    public Clock clock() {
        return Clock.SYSTEM;
    }

    @Override
    public boolean inLoop() {
        return Thread.currentThread() == owner;
    }

    @Override
    public void execute(Runnable task) {
        tasks.add(task);
    }

    @Override
    public Scheduled schedule(Runnable task, long delayNs) {
        throw new UnsupportedOperationException("a polled loop has no timers");
    }

    /** Runs what was posted. On the owner. */
    public void poll() {
        for (Runnable task = tasks.poll(); task != null; task = tasks.poll()) {
            task.run();
        }
    }

    /** Runs what is posted until the condition holds, looking every 5 µs, which the flush benchmark measures with. On the owner. */
    public void runUntil(BooleanSupplier condition) {
        for (poll(); !condition.getAsBoolean(); poll()) {
            LockSupport.parkNanos(POLL_NS);
        }
    }
}
