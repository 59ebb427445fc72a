package io.ashlar.store.crash;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.Executor;

/** An I/O pool that a test steps, in any order, as threads would. */
final class SteppedPool implements Executor {
    private final List<Runnable> tasks = new ArrayList<>();

    @Override
    public void execute(Runnable task) {
        tasks.add(task);
    }

    boolean isEmpty() {
        return tasks.isEmpty();
    }

    void runOne(Random random) {
        tasks.remove(random.nextInt(tasks.size())).run();
    }
}
