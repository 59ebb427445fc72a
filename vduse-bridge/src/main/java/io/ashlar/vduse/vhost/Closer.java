package io.ashlar.vduse.vhost;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.net.EpollLoop;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;

/**
 * Closes what comes from one device's front ends, each on a thread of its own: to close a file may mean to wait for whoever serves
 * it, or for a socket that lingers, and so for ever; that goes for a socket too, since descriptors that nobody has received may
 * be in it. Nothing more is taken from a front end before {@link #whenIdle}, so that no more than a few wait.
 */
@ConfinedTo(LoopKind.CONTROL)
final class Closer {
    private static final long RETRY_NS = TimeUnit.SECONDS.toNanos(1);

    private final EpollLoop control;
    private final Executor threads;
    private final List<Runnable> waiting = new ArrayList<>();
    private int closing;

    Closer(EpollLoop control) {
        this(control, Closer::startThread);
    }

    /**
     * Creates it.
     *
     * @param threads has a thread for each task; an {@link OutOfMemoryError} says that there is none now
     */
    Closer(EpollLoop control, Executor threads) {
        this.control = control;
        this.threads = threads;
    }

    private static void startThread(Runnable task) {
        Thread thread = new Thread(task, "vhost-closer");
        thread.setDaemon(true);
        thread.start();
    }

    /** Runs it, which may block, elsewhere. */
    void close(Runnable task) {
        closing++;
        start(task);
    }

    /** A service manager's limit of threads may have been reached, of which the machine makes this error. */
    private void start(Runnable task) {
        try {
            threads.execute(() -> run(task));
        } catch (OutOfMemoryError e) {
            control.schedule(() -> start(task), RETRY_NS);
        }
    }

    private void run(Runnable task) {
        try {
            task.run();
        } finally {
            tellControl();
        }
    }

    private void tellControl() {
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
