package io.ashlar.base.loop;

import io.ashlar.base.time.Clock;
import java.util.ArrayDeque;
import java.util.PriorityQueue;
import java.util.Queue;

/** A loop that a test steps by hand, with a clock that moves only when told. The creating thread is the loop. */
public final class ManualLoop implements Loop {
    private final Thread owner = Thread.currentThread();
    private final Queue<Runnable> tasks = new ArrayDeque<>();
    private final PriorityQueue<Timer> timers = new PriorityQueue<>();
    private long nowNs;
    private long sequence;

    @Override
    public String name() {
        return "manual";
    }

    @Override
    public Clock clock() {
        return new Clock() {
            @Override
            public long nowNs() {
                return nowNs;
            }

            @Override
            public long wallMs() {
                return nowNs / 1_000_000;
            }
        };
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
        Timer timer = new Timer(nowNs + delayNs, sequence++, task);
        timers.add(timer);
        return () -> timers.remove(timer);
    }

    /** Runs posted tasks until there are none. */
    public void runTasks() {
        for (Runnable task = tasks.poll(); task != null; task = tasks.poll()) {
            task.run();
        }
    }

    /** Moves the clock and runs what becomes due, in order. */
    public void advance(long ns) {
        long target = nowNs + ns;
        runTasks();
        while (!timers.isEmpty() && timers.peek().dueNs() <= target) {
            Timer timer = timers.poll();
            nowNs = timer.dueNs();
            timer.task().run();
            runTasks();
        }
        nowNs = target;
    }

    private record Timer(long dueNs, long order, Runnable task) implements Comparable<Timer> {
        @Override
        public int compareTo(Timer other) {
            int byTime = Long.compare(dueNs, other.dueNs);
            return byTime != 0 ? byTime : Long.compare(order, other.order);
        }
    }
}
