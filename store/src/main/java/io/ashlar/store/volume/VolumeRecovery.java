package io.ashlar.store.volume;

import io.ashlar.base.annotation.ThreadSafe;
import io.ashlar.base.status.Status;
import io.ashlar.base.sys.Errno;
import io.ashlar.store.extent.Extent;
import io.ashlar.store.extent.IoContext;
import io.ashlar.store.latch.RangeClaim;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.Iterator;
import java.util.List;
import java.util.Queue;
import java.util.SortedMap;
import java.util.TreeMap;
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
    /** By index, so that the regions of an extent are settled together and soon free again. */
    private final SortedMap<Integer, MarkedExtent> marked = new TreeMap<>();

    private final Queue<MarkedRegion> work = new ConcurrentLinkedQueue<>();
    private final AtomicInteger workLeft = new AtomicInteger();
    private final CountDownLatch done = new CountDownLatch(1);
    private volatile boolean stopping;
    private volatile boolean stoppedEarly;
    /** Flushes. Guards itself. */
    private final List<StoreOp> waiting = new ArrayList<>();

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
        MarkedExtent owner = marked.computeIfAbsent(extent.index(), index -> new MarkedExtent(extent));
        MarkedRegion added = new MarkedRegion(owner, region);
        if (parts.latch().tryClaim(added)) { // a region may have two marks; once is enough
            owner.regions.add(added);
        }
    }

    /** Starts settling in the pool. */
    void start() {
        for (MarkedExtent owner : marked.values()) {
            owner.unsettled.set(owner.regions.size());
            work.addAll(owner.regions);
        }
        int regions = work.size();
        if (regions == 0) {
            end();
            return;
        }
        workLeft.set(regions);
        for (int i = 0; i < Math.min(WORKERS, regions); i++) {
            parts.pool().execute(this::workOn);
        }
    }

    /** Leaves what is not settled to the next start: requests that wait for it end as unavailable. Any thread. */
    void stopSoon() {
        stopping = true;
    }

    /**
     * Like {@link #stopSoon}, and waits for what is being settled; not on a loop.
     *
     * @return whether all regions are settled; false if the wait was interrupted
     */
    boolean stop() {
        stopSoon();
        try {
            done.await();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return false;
        }
        return !stoppedEarly;
    }

    /** Returns whether nothing is being settled any more. */
    boolean isEnded() {
        return done.getCount() == 0;
    }

    /** Has a flush woken at the end, unless all is settled. Returns whether it waits. */
    boolean waitForEnd(StoreOp op) {
        if (isEnded() && !stoppedEarly) {
            return false;
        }
        synchronized (waiting) {
            if (!isEnded()) {
                return waiting.add(op);
            }
        }
        if (stoppedEarly) {
            op.queue.endUnbegun(op, Status.UNAVAILABLE);
        }
        return stoppedEarly;
    }

    /** Ends those flushes of a queue that wait here. */
    void callOff(StoredQueue queue, Status status) {
        synchronized (waiting) {
            for (Iterator<StoreOp> flushes = waiting.iterator(); flushes.hasNext(); ) {
                StoreOp op = flushes.next();
                if (op.queue == queue) {
                    flushes.remove();
                    queue.endUnbegun(op, status);
                }
            }
        }
    }

    private void end() {
        synchronized (waiting) {
            done.countDown();
            for (StoreOp op : waiting) {
                if (stoppedEarly) {
                    op.queue.endUnbegun(op, Status.UNAVAILABLE);
                } else {
                    op.queue.wake(op);
                }
            }
            waiting.clear();
        }
    }

    private void workOn() {
        MarkedRegion region = work.poll();
        if (region == null) {
            return;
        }
        try {
            settle(region);
        } finally {
            if (workLeft.decrementAndGet() == 0) {
                end();
            } else {
                parts.pool().execute(this::workOn);
            }
        }
    }

    /** Settles a region, which stays claimed as long as old bytes have to be punched in it. */
    private void settle(MarkedRegion region) {
        MarkedExtent owner = region.owner;
        if (stopping) {
            leave(region);
        } else if (guarded(owner.extent, context -> rewrite(region, context)) && !region.toPunch.isEmpty()) {
            owner.toPunch.add(region);
        } else {
            release(region);
        }
        if (owner.unsettled.decrementAndGet() == 0 && !owner.toPunch.isEmpty()) {
            punch(owner);
        }
    }

    private int rewrite(MarkedRegion region, IoContext context) {
        int blocks = parts.shape().regionBlocks();
        int bytes =
                parts.settler().settle(region.owner.extent, region.region, 0, blocks, context, true, region.toPunch);
        if (bytes > 0) {
            bound(region, bytes);
        }
        return bytes;
    }

    /** Leaves a region to the next start, which finds it as this one did. */
    private void leave(MarkedRegion region) {
        stoppedEarly = true;
        region.owner.extent.leaveUnsettled();
        parts.latch().release(region);
    }

    /** Punches what is left to be punched in the regions of an extent, which share the syncs that this takes. */
    private void punch(MarkedExtent owner) {
        if (stopping) {
            owner.toPunch.forEach(this::leave);
            return;
        }
        guarded(owner.extent, context -> {
            int result = owner.extent.syncNow() ? 0 : -Errno.EIO;
            for (Iterator<MarkedRegion> left = owner.toPunch.iterator(); left.hasNext() && result == 0; ) {
                MarkedRegion region = left.next();
                result = parts.settler().punch(owner.extent, region.region, 0, region.toPunch, context);
            }
            return owner.extent.syncNow() ? result : -Errno.EIO;
        });
        owner.toPunch.forEach(this::release);
    }

    /** Whatever goes wrong fails the extent and nothing more: requests and flushes wait for the end of it. */
    private boolean guarded(Extent extent, ToIntFunction<IoContext> step) {
        int result = -Errno.EIO;
        try {
            IoContext context = parts.contexts().take();
            try {
                result = step.applyAsInt(context);
            } finally {
                parts.contexts().giveBack(context);
            }
        } catch (RuntimeException | Error e) {
            LOG.error("settling regions of extent {} after a crash", extent.index(), e);
        }
        if (result < 0) {
            extent.fail("can't settle its regions after a crash", result);
        }
        return result >= 0;
    }

    private void release(MarkedRegion region) {
        parts.intents().settled(region.owner.extent, region.region);
        parts.counters().regionsRecovered().increment();
        parts.latch().release(region);
    }

    /** What is written anew is as bounded as what clients write. */
    private void bound(MarkedRegion region, int bytes) {
        boolean isTimeToFlush = parts.unflushed().add(bytes);
        if (stopping) {
            return;
        }
        if (isTimeToFlush) {
            flush.run();
        }
        if (parts.unflushed().isOverBound()) {
            long regionBytes = parts.shape().regionBytes();
            region.owner.extent.data().startWriteback(region.region * regionBytes, regionBytes);
        }
    }

    private static final class MarkedExtent {
        private final Extent extent;
        private final List<MarkedRegion> regions = new ArrayList<>();
        private final AtomicInteger unsettled = new AtomicInteger();
        /** Settled regions in which old bytes have still to be punched. */
        private final Queue<MarkedRegion> toPunch = new ConcurrentLinkedQueue<>();

        MarkedExtent(Extent extent) {
            this.extent = extent;
        }
    }

    private final class MarkedRegion extends RangeClaim {
        private final MarkedExtent owner;
        private final int region;
        private final BitSet toPunch = new BitSet();

        MarkedRegion(MarkedExtent owner, int region) {
            this.owner = owner;
            this.region = region;
            long first = owner.extent.firstBlockOf(region);
            set(first, first + parts.shape().regionBlocks(), true);
        }

        @Override
        protected void onGranted() {}

        @Override
        protected void onReleased() {}
    }
}
