package io.ashlar.vduse.vring;

import io.ashlar.base.loop.Loop;
import io.ashlar.base.time.Clock;
import java.util.ArrayDeque;

/** A loop that the test steps on its own thread. */
public final class ManualLoop implements Loop {
    private final ArrayDeque<Runnable> tasks = new ArrayDeque<>();
    private final Clock clock;

    /** Makes a loop that lives by the machine's clock. */
    public ManualLoop() {
        this(Clock.SYSTEM);
    }

    /** Makes a loop that lives by a clock of the test's. */
    public ManualLoop(Clock clock) {
        this.clock = clock;
    }

    /** Runs what has been posted, also by what runs; returns the number of tasks. Stops at a million: an endless loop. */
    public int runAll() {
        int count = 0;
        for (Runnable task = tasks.poll(); task != null; task = tasks.poll()) {
            task.run();
            if (++count == 1_000_000) {
                throw new AssertionError("tasks without end");
            }
        }
        return count;
    }

    /** Runs one task; returns false if there is none. */
    public boolean runOne() {
        Runnable task = tasks.poll();
        if (task != null) {
            task.run();
        }
        return task != null;
    }

    @Override
    public String name() {
        return "manual";
    }

    @Override
    public Clock clock() {
        return clock;
    }

    @Override
    public boolean inLoop() {
        return true;
    }

    @Override
    public void execute(Runnable task) {
        tasks.add(task);
    }

    @Override
    public Scheduled schedule(Runnable task, long delayNs) {
        throw new UnsupportedOperationException("the engine needs no timer");
    }
}
