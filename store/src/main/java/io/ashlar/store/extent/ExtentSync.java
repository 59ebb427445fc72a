package io.ashlar.store.extent;

import io.ashlar.base.annotation.ThreadSafe;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Syncs an extent's two files side by side in the pool, once for all who wait. Who joins while a sync runs gets the next
 * one: a sync covers only what was written before it started.
 */
@ThreadSafe
public final class ExtentSync implements Runnable {
    private final Extent extent;
    private final Executor pool;
    private final ConcurrentLinkedQueue<Listener> waiting = new ConcurrentLinkedQueue<>();
    private final AtomicBoolean running = new AtomicBoolean();
    private final AtomicInteger filesLeft = new AtomicInteger();
    private final List<Listener> served = new ArrayList<>();
    private final Runnable syncData = this::syncData;

    ExtentSync(Extent extent, Executor pool) {
        this.extent = extent;
        this.pool = pool;
    }

    /** Takes the outcome of a sync, on a pool thread. */
    @FunctionalInterface
    public interface Listener {
        /** Called once; false if the extent has failed. Must only post. */
        void onSynced(boolean sound);
    }

    /** Joins the next sync to start. Any thread. */
    public void join(Listener listener) {
        waiting.add(listener);
        start();
    }

    boolean isRunning() {
        return running.get();
    }

    private void start() {
        if (!waiting.isEmpty() && running.compareAndSet(false, true)) {
            pool.execute(this);
        }
    }

    /** Runs one sync; on a pool thread, never twice at a time. */
    @Override
    public void run() {
        for (Listener next = waiting.poll(); next != null; next = waiting.poll()) {
            served.add(next);
        }
        extent.clearDirty();
        filesLeft.set(2);
        pool.execute(syncData);
        extent.syncFile(extent.metadata());
        fileDone();
    }

    private void syncData() {
        extent.syncFile(extent.data());
        fileDone();
    }

    private void fileDone() {
        if (filesLeft.decrementAndGet() > 0) {
            return;
        }
        boolean sound = !extent.isFailed();
        for (Listener listener : served) {
            listener.onSynced(sound);
        }
        served.clear();
        running.set(false);
        start();
    }
}
