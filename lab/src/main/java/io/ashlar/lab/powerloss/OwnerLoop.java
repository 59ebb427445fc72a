package io.ashlar.lab.powerloss;

import io.ashlar.base.annotation.ThreadSafe;
import io.ashlar.base.loop.Loop;
import io.ashlar.base.time.Clock;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;

/** A loop that the thread that made it runs when it wants to. */
@ThreadSafe
final class OwnerLoop implements Loop {
    private static final long POLL_NS = 50_000;

    private final Thread owner = Thread.currentThread();
    private final Queue<Runnable> tasks = new ConcurrentLinkedQueue<>();

    @Override
    public String name() {
        return "owner";
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
        throw new UnsupportedOperationException("queues of the store set no timers");
    }

    /** Runs what was posted. */
    void poll() {
        for (Runnable task = tasks.poll(); task != null; task = tasks.poll()) {
            task.run();
        }
    }

    /** Runs what is posted until the condition holds. */
    void runUntil(BooleanSupplier condition) {
        for (poll(); !condition.getAsBoolean(); poll()) {
            LockSupport.parkNanos(POLL_NS);
        }
    }
}
