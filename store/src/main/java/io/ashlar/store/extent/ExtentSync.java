package io.ashlar.store.extent;

import io.ashlar.base.annotation.ThreadSafe;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;

/**
 * Syncs an extent's two files side by side in the pool, once for all who wait. Who joins while a sync runs gets the next
 * one: a sync covers only what was written before it started. Joining allocates nothing: whoever waits brings its own
 * link of the list.
 */
@ThreadSafe
public final class ExtentSync implements Runnable {
    private final Extent extent;
    private final Executor pool;
    /** Those who wait for the next sync, newest first. */
    private final AtomicReference<Ticket> waiting = new AtomicReference<>();

    private final AtomicBoolean running = new AtomicBoolean();
    private final AtomicInteger filesLeft = new AtomicInteger();
    private final Runnable syncData = this::syncData;
    /** Those whom the present sync serves, oldest first; handed from pool thread to pool thread by {@link #filesLeft}. */
    private Ticket served;

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

    /** A listener's place among those who wait for one extent; free to be used again when the listener is called. */
    public static final class Ticket {
        private final Listener listener;
        private Ticket next;

        /** Creates a place for the listener, who may have several, one for each extent that it waits for. */
        public Ticket(Listener listener) {
            this.listener = listener;
        }
    }

    /** Joins the next sync to start. Any thread. */
    public void join(Ticket ticket) {
        Ticket before;
        do {
            before = waiting.get();
            ticket.next = before;
        } while (!waiting.compareAndSet(before, ticket));
        start();
    }

    boolean isRunning() {
        return running.get();
    }

    private void start() {
        if (waiting.get() != null && running.compareAndSet(false, true)) {
            pool.execute(this);
        }
    }

    /** Runs one sync; on a pool thread, never twice at a time. */
    @Override
    public void run() {
        served = inOrder(waiting.getAndSet(null));
        extent.clearDirty();
        filesLeft.set(2);
        pool.execute(syncData);
        extent.syncFile(extent.metadata());
        fileDone();
    }

    private static Ticket inOrder(Ticket newestFirst) {
        Ticket oldest = null;
        for (Ticket ticket = newestFirst; ticket != null; ) {
            Ticket next = ticket.next;
            ticket.next = oldest;
            oldest = ticket;
            ticket = next;
        }
        return oldest;
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
        Ticket ticket = served;
        served = null;
        while (ticket != null) {
            Ticket next = ticket.next; // before the call: after it the ticket may wait elsewhere already
            ticket.next = null;
            ticket.listener.onSynced(sound);
            ticket = next;
        }
        running.set(false);
        start();
    }
}
