package io.ashlar.vduse.vring;

import io.ashlar.base.loop.Loop;
import io.ashlar.base.loop.MemorySource;
import io.ashlar.base.time.Clock;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;

/** A loop that the test steps on its own thread. */
public final class ManualLoop implements Loop {
    private final ArrayDeque<Runnable> tasks = new ArrayDeque<>();
    private final Clock clock;
    private final List<MemorySource> watched = new ArrayList<>();
    private boolean awake;

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

    /** Stays awake until {@link #sleep}: what is watched is looked at when the test says so. */
    public void stayAwake() {
        awake = true;
    }

    /** Lets what is watched work, if it has work; returns how many sources had. */
    public int look() {
        List<MemorySource> ready =
                watched.stream().filter(MemorySource::hasWork).toList();
        ready.forEach(MemorySource::work);
        return ready.size();
    }

    /** Arms what is watched and forgets it; what has work all the same gets to it later. */
    public void sleep() {
        awake = false;
        List.copyOf(watched).forEach(this::watch);
        watched.clear();
    }

    /** Returns how many sources are watched. */
    public int watchedCount() {
        return watched.size();
    }

    @Override
    public void watch(MemorySource source) {
        if (!awake) {
            Loop.super.watch(source);
        } else if (!watched.contains(source)) {
            watched.add(source);
        }
    }

    @Override
    public void unwatch(MemorySource source) {
        watched.remove(source);
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
