package io.ashlar.store;

import io.ashlar.base.loop.Loop;
import io.ashlar.base.time.Clock;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;

/** A loop that the creating thread polls; other threads may post. */
public final class PolledLoop implements Loop {
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
        throw new UnsupportedOperationException("the store sets no timers");
    }

    /** Runs what was posted. */
    public void poll() {
        for (Runnable task = tasks.poll(); task != null; task = tasks.poll()) {
            task.run();
        }
    }
}
