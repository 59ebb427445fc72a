package io.ashlar.store.intent;

import io.ashlar.base.annotation.ThreadSafe;
import io.ashlar.store.config.StoreTimer;
import io.ashlar.store.extent.Extent;
import io.ashlar.store.file.StoreException;
import io.ashlar.store.format.IntentSector;
import io.ashlar.store.latch.RangeLatch;
import io.ashlar.store.meter.StoreCounters;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;

/**
 * The regions of a volume that may hold unsynced bytes, durable before the first of those bytes is written. All writes
 * that wait for marks share one sync of one small file, whatever extents they go to. When slots run short, the regions
 * written least recently are synced and cleared in the background ({@link MarkCleaning}), and so are those that nobody has
 * written for a while ({@link IdleWatch}).
 */
@ThreadSafe
public final class IntentTable implements Runnable {
    /** Most idle regions cleared in one step, so that a step stays short. */
    private static final int IDLE_STEP_MAX = 512;

    /** The tick of regions that a crash left marked and that are not settled: their claims are not free yet. */
    private static final long UNSETTLED = Long.MAX_VALUE;

    private final IntentFile file;
    private final RangeLatch latch;
    private final Executor pool;
    private final StoreCounters counters;
    private final Extent[] extents;
    private final int[] freeSlots;
    private int freeCount;

    private final ConcurrentLinkedQueue<Request> requests = new ConcurrentLinkedQueue<>();
    private final ConcurrentLinkedQueue<MarkCleaning> cleaned = new ConcurrentLinkedQueue<>();
    private final AtomicBoolean running = new AtomicBoolean();
    private final Queue<Request> stalled = new ArrayDeque<>();
    private boolean cleaning;
    private final AtomicLong tick;
    private final IdleWatch idle;
    private volatile boolean failed;
    /** Whether marks should be cleared as soon as there are some that may be. */
    private volatile boolean isShort;

    private final AtomicBoolean settledSome = new AtomicBoolean();

    /**
     * Creates the table.
     *
     * @param slotsMax most marks to use, at most the slots of the file
     * @param timer wakes the table while there are marks
     */
    public IntentTable(
            IntentFile file, int slotsMax, RangeLatch latch, Executor pool, StoreCounters counters, StoreTimer timer) {
        this(file, slotsMax, latch, pool, counters, timer, 0);
    }

    /** Creates a table as it is after so many batches of marks: for tests. */
    IntentTable(
            IntentFile file,
            int slotsMax,
            RangeLatch latch,
            Executor pool,
            StoreCounters counters,
            StoreTimer timer,
            long firstTick) {
        tick = new AtomicLong(firstTick);
        this.file = file;
        this.latch = latch;
        this.pool = pool;
        this.counters = counters;
        failed = !file.isUsable();
        idle = new IdleWatch(timer, this::start);
        extents = new Extent[file.slots()];
        freeSlots = new int[file.slots()];
        for (int slot = Math.min(slotsMax, file.slots()) - 1; slot >= 0; slot--) {
            if (file.get(slot) == 0) {
                freeSlots[freeCount++] = slot;
            }
        }
    }

    /** Takes the outcome, on a pool thread. */
    @FunctionalInterface
    public interface Listener {
        /** Called once; false if the mark could not be made durable. Must only post. */
        void onMarked(boolean done);
    }

    private record Request(Extent extent, int region, Listener listener) {
        long slotValue() {
            return IntentSector.slot(extent.index(), region, extent.header().layer());
        }
    }

    /**
     * Connects a slot that the file held at opening with its extent. Before the table is used. A table that has failed
     * protects no write, and no region counts as marked.
     */
    public void adopt(int slot, Extent extent) {
        extents[slot] = extent;
        extent.noteWrite(IntentSector.regionOf(file.get(slot)), UNSETTLED);
        extent.setMarked(IntentSector.regionOf(file.get(slot)), !failed);
        idle.arm();
    }

    /** Says that a region that was adopted holds what it shall hold, and is like any other from now on. */
    public void settled(Extent extent, int region) {
        extent.noteWrite(region, tick());
        settledSome.set(true);
        if (isShort) {
            start();
        }
    }

    /** Asks for the region's mark. The caller holds a claim in the region until it is told. */
    public void mark(Extent extent, int region, Listener listener) {
        requests.add(new Request(extent, region, listener));
        start();
    }

    /** Returns the present tick for {@link Extent#noteWrite}; it rises with each batch of marks. */
    public long tick() {
        return tick.get();
    }

    /** Returns whether the table's own file has failed: no region can be marked any more. */
    public boolean isFailed() {
        return failed;
    }

    /** Takes back the slots of regions that have been synced and unmarked. */
    void takeBack(MarkCleaning round) {
        cleaned.add(round);
        start();
    }

    private void start() {
        if (running.compareAndSet(false, true)) {
            pool.execute(this);
        }
    }

    /** Works off what has come in; on a pool thread, never twice at a time. */
    @Override
    public void run() {
        settledSome.getAndSet(false); // what was settled by now, this run sees
        freeCleaned();
        List<Request> marked = new ArrayList<>();
        assignSlots(marked);
        boolean done = !failed && file.sync(counters); // a failed sync is not tried again
        failed = !done;
        for (Request request : marked) {
            if (done) {
                request.extent.setMarked(request.region, true);
            }
            request.listener.onMarked(done);
        }
        long lastTick = tick.getAndIncrement();
        if (done) {
            clean(lastTick);
        } else {
            idle.stop(); // nothing is cleared any more
            answer(stalled, false);
        }
        running.set(false);
        if (!cleaned.isEmpty() || !requests.isEmpty() || idle.isDue() || (isShort && settledSome.get())) {
            start();
        }
    }

    private void freeCleaned() {
        for (MarkCleaning round = cleaned.poll(); round != null; round = cleaned.poll()) {
            cleaning = false;
            int[] slots = round.cleanSlots();
            for (int slot : slots) {
                file.set(slot, 0);
                extents[slot] = null;
                freeSlots[freeCount++] = slot;
            }
        }
    }

    private void assignSlots(List<Request> marked) {
        Set<Long> assigned = new HashSet<>();
        for (Request request = requests.poll(); request != null; request = requests.poll()) {
            stalled.add(request);
        }
        // One that needs no slot must not wait behind one that does: the cleaning that frees slots may wait for it.
        for (Iterator<Request> waiting = stalled.iterator(); waiting.hasNext(); ) {
            Request request = waiting.next();
            boolean needsSlot = !request.extent.isMarked(request.region) && !assigned.contains(request.slotValue());
            if (needsSlot && freeCount == 0) {
                continue;
            }
            if (needsSlot) {
                int slot = freeSlots[--freeCount];
                file.set(slot, request.slotValue());
                extents[slot] = request.extent;
                request.extent.noteWrite(request.region, tick.get());
                assigned.add(request.slotValue());
            }
            marked.add(request);
            waiting.remove();
        }
    }

    /** Starts to clear marks: the oldest if slots are short, otherwise those of idle regions when it is time for them. */
    private void clean(long lastTick) {
        int used = 0;
        for (Extent extent : extents) {
            used += extent == null ? 0 : 1;
        }
        boolean isTime = idle.takeDue(lastTick);
        isShort = used > 0 && (freeCount < (used + freeCount) / 4 || freeCount == 0);
        if (used == 0) {
            idle.forget();
            return;
        }
        idle.arm();
        if (cleaning) {
            return;
        }
        if (!isShort && !isTime) {
            return;
        }
        MarkCleaning round = new MarkCleaning(this, file, extents, latch, pool);
        cleaning = isShort
                ? round.choose(Math.max(1, used / 4), UNSETTLED - 1)
                : round.choose(IDLE_STEP_MAX, idle.idleTick());
        if (cleaning) {
            round.start();
        } else if (freeCount == 0 && !round.hasPassedOver()) {
            answer(stalled, false); // every mark belongs to a failed extent
        }
    }

    private static void answer(Queue<Request> waiting, boolean done) {
        for (Request request = waiting.poll(); request != null; request = waiting.poll()) {
            request.listener.onMarked(done);
        }
    }

    /** Ends the clearing of idle regions: after this the table uses the pool only for those who ask it. */
    public void stopIdleWatch() {
        idle.stop();
    }

    /**
     * Clears all marks after everything was synced, and closes the file; nobody uses the table any more. Extents that have
     * failed keep theirs: the next start settles those regions, or says again that it can't.
     */
    public void closeClean() throws StoreException {
        for (int slot = 0; slot < extents.length; slot++) {
            if (extents[slot] != null && !extents[slot].isFailed()) {
                file.set(slot, 0);
            }
        }
        boolean done = file.sync(counters);
        close();
        if (!done) {
            throw new StoreException("can't clear the write intents");
        }
    }

    /** Closes the file, leaving the marks. */
    public void close() {
        file.close();
    }
}
