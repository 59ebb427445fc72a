package io.ashlar.store.volume;

import io.ashlar.base.annotation.ThreadSafe;
import io.ashlar.base.sys.Errno;
import io.ashlar.store.extent.Extent;
import io.ashlar.store.extent.IoContext;
import io.ashlar.store.latch.RangeClaim;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.ToIntFunction;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Settles the regions that were marked when the volume was opened. Each is claimed exclusively before the volume serves
 * anybody, so that requests to it wait behind the claim while all other regions are served at once.
 *
 * <p>The data of those regions is written anew, always: a sync of them may have failed before, which only the process that
 * is gone knew, and then the page cache holds as clean what the disk does not have. So a flush waits for the end of it.
 */
@ThreadSafe
final class VolumeRecovery {
    private static final Logger LOG = LoggerFactory.getLogger(VolumeRecovery.class);

    /** Regions settled side by side; the rest of the pool stays free for requests. */
    private static final int WORKERS = 2;

    private final VolumeParts parts;
    private final Runnable flush;
    private final List<Runnable> claimed = new ArrayList<>();
    private final Queue<Runnable> work = new ConcurrentLinkedQueue<>();
    private final AtomicInteger workLeft = new AtomicInteger();
    /** Settled regions, by extent, in which old bytes have still to be punched. */
    private final Map<Extent, Queue<MarkedRegion>> toPunch = new ConcurrentHashMap<>();

    private final CountDownLatch done = new CountDownLatch(1);
    private volatile boolean stopping;
    private volatile boolean stoppedEarly;
    /** Guards itself. */
    private final Queue<StoreOp> waiting = new ArrayDeque<>();

    /**
     * Prepares the settling.
     *
     * @param flush starts a flush in the background, when much was written anew
     */
    VolumeRecovery(VolumeParts parts, Runnable flush) {
        this.parts = parts;
        this.flush = flush;
    }

    /** Claims a region; before the volume is handed out. */
    void add(Extent extent, int region) {
        MarkedRegion marked = new MarkedRegion(extent, region);
        if (parts.latch().tryClaim(marked)) { // a region may have two marks; once is enough
            claimed.add(() -> settle(marked));
        }
    }

    /** Starts settling in the pool. */
    void start() {
        start(claimed);
    }

    private void start(List<Runnable> tasks) {
        if (tasks.isEmpty()) {
            end();
            return;
        }
        workLeft.set(tasks.size()); // before a worker that is still on its way finds one
        work.addAll(tasks);
        for (int i = 0; i < Math.min(WORKERS, tasks.size()); i++) {
            parts.pool().execute(this::workOn);
        }
    }

    /**
     * Leaves what is not settled to the next start, and waits for what is being settled; not on a loop.
     *
     * @return whether all regions are settled
     */
    boolean stop() {
        stopping = true;
        try {
            done.await();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        return !stoppedEarly;
    }

    /** Returns whether nothing is being settled any more. */
    boolean isEnded() {
        return done.getCount() == 0;
    }

    /** Has a flush woken at the end, unless that is past. Returns whether it waits. */
    boolean waitForEnd(StoreOp op) {
        if (isEnded()) {
            return false;
        }
        synchronized (waiting) {
            return !isEnded() && waiting.add(op);
        }
    }

    private void end() {
        synchronized (waiting) {
            done.countDown();
        }
        for (StoreOp op = waiting.poll(); op != null; op = waiting.poll()) {
            op.unsound = stoppedEarly;
            op.queue.wake(op);
        }
    }

    private void workOn() {
        Runnable task = work.poll();
        if (task == null) {
            return;
        }
        if (stopping) {
            stoppedEarly = true;
        } else {
            task.run();
        }
        if (workLeft.decrementAndGet() > 0) {
            parts.pool().execute(this::workOn);
            return;
        }
        List<Runnable> punches = new ArrayList<>(); // after those there are none, and that is the end
        toPunch.forEach((extent, regions) -> punches.add(() -> punch(extent, regions)));
        toPunch.clear();
        start(punches);
    }

    private void settle(MarkedRegion marked) {
        int blocks = parts.shape().regionBlocks();
        int result = guarded(context ->
                parts.settler().settle(marked.extent, marked.region, 0, blocks, context, true, marked.toPunch));
        if (result < 0) {
            fail(marked, result);
        } else {
            bound(marked, result);
        }
        if (result < 0 || marked.toPunch.isEmpty()) {
            release(marked);
        } else {
            toPunch.computeIfAbsent(marked.extent, extent -> new ConcurrentLinkedQueue<>())
                    .add(marked);
        }
    }

    /** Punches what is left to be punched in the regions of an extent, which share the syncs that this takes. */
    private void punch(Extent extent, Queue<MarkedRegion> ofExtent) {
        boolean sound = extent.syncNow();
        for (MarkedRegion marked : ofExtent) {
            int result = sound
                    ? guarded(context -> parts.settler().punch(extent, marked.region, 0, marked.toPunch, context))
                    : -Errno.EIO;
            if (result < 0) {
                fail(marked, result);
            }
        }
        extent.syncNow(); // a failure fails the extent
        ofExtent.forEach(this::release);
    }

    /** Whatever goes wrong, requests and flushes wait for the end of it. */
    private int guarded(ToIntFunction<IoContext> step) {
        IoContext context = parts.contexts().take();
        try {
            return step.applyAsInt(context);
        } catch (RuntimeException e) {
            LOG.error("settling a region after a crash", e);
            return -Errno.EIO;
        } finally {
            parts.contexts().giveBack(context);
        }
    }

    private static void fail(MarkedRegion marked, int errno) {
        LOG.error(
                "can't settle region {} of extent {}: {}", marked.region, marked.extent.index(), Errno.describe(errno));
        marked.extent.fail("can't settle a region after a crash", errno);
    }

    private void release(MarkedRegion marked) {
        parts.intents().settled(marked.extent, marked.region);
        parts.counters().regionsRecovered().increment();
        parts.latch().release(marked);
    }

    /** What is written anew is as bounded as what clients write. */
    private void bound(MarkedRegion marked, int bytes) {
        if (parts.unflushed().add(bytes)) {
            flush.run();
        }
        if (parts.unflushed().isOverBound()) {
            long regionBytes = parts.shape().regionBytes();
            marked.extent.data().startWriteback(marked.region * regionBytes, regionBytes);
        }
    }

    private final class MarkedRegion extends RangeClaim {
        private final Extent extent;
        private final int region;
        private final BitSet toPunch = new BitSet();

        MarkedRegion(Extent extent, int region) {
            this.extent = extent;
            this.region = region;
            long first = extent.firstBlockOf(region);
            set(first, first + parts.shape().regionBlocks(), true);
        }

        @Override
        protected void onGranted() {}

        @Override
        protected void onReleased() {}
    }
}
