package io.ashlar.vduse.vhost;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.net.EpollLoop;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.RejectedExecutionException;

/**
 * Closes what comes from one device's front ends, each on a thread of its own: to close a file may mean to wait for whoever serves
 * it, or for a socket that lingers, and so for ever; that goes for a socket too, since descriptors that nobody has received may
 * be in it. Nothing more is taken from a front end before {@link #whenIdle}, so that no more than a few wait.
 */
@ConfinedTo(LoopKind.CONTROL)
final class Closer {
    private final EpollLoop control;
    private final List<Runnable> waiting = new ArrayList<>();
    private int closing;

    Closer(EpollLoop control) {
        this.control = control;
    }

    /** Runs it, which may block, elsewhere. */
    void close(Runnable task) {
        closing++;
        Thread thread = new Thread(() -> run(task), "vhost-closer");
        thread.setDaemon(true);
        thread.start();
    }

    private void run(Runnable task) {
        task.run();
        try {
            control.execute(this::onClosed);
        } catch (RejectedExecutionException e) {
            Thread.currentThread().interrupt(); // the bridge has ended meanwhile, and this thread does
        }
    }

    private void onClosed() {
        closing--;
        if (closing == 0) {
            List<Runnable> ready = List.copyOf(waiting);
            waiting.clear();
            ready.forEach(Runnable::run);
        }
    }

    /** Runs the callback on the control loop when nothing is being closed; at once if nothing is. */
    void whenIdle(Runnable callback) {
        if (closing == 0) {
            callback.run();
        } else {
            waiting.add(callback);
        }
    }
}
