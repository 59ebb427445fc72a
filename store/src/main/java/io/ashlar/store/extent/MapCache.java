package io.ashlar.store.extent;

import io.ashlar.base.annotation.ThreadSafe;
import io.ashlar.store.latch.RangeClaim;
import io.ashlar.store.latch.RangeLatch;
import java.util.ArrayDeque;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Bounds the region maps that a volume keeps in memory. When there are too many, a pool thread goes round them and drops
 * those that nobody has used since the last round (second chance). A region that is in use just now is passed over.
 */
@ThreadSafe
public final class MapCache implements Runnable {
    private final int regionsMax;
    private final RangeLatch latch;
    private final Executor pool;
    private final AtomicInteger count = new AtomicInteger();
    private final AtomicBoolean running = new AtomicBoolean();
    private final ConcurrentLinkedQueue<Cached> arrivals = new ConcurrentLinkedQueue<>();
    private final Queue<Cached> clock = new ArrayDeque<>();

    /** Creates the bound for the maps of one volume, whose latch is given. */
    public MapCache(int regionsMax, RangeLatch latch, Executor pool) {
        this.regionsMax = regionsMax;
        this.latch = latch;
        this.pool = pool;
    }

    /** Returns the number of maps in memory. */
    public int count() {
        return count.get();
    }

    void added(Extent extent, int region) {
        arrivals.add(new Cached(extent, region));
        if (count.incrementAndGet() > regionsMax && running.compareAndSet(false, true)) {
            pool.execute(this);
        }
    }

    /** Goes round; on a pool thread, one at a time. */
    @Override
    public void run() {
        for (Cached cached = arrivals.poll(); cached != null; cached = arrivals.poll()) {
            clock.add(cached);
        }
        // An eighth below the bound, so that the next round is not due at once; twice round at most.
        int target = regionsMax - regionsMax / 8;
        for (int steps = 2 * clock.size(); steps > 0 && count.get() > target; steps--) {
            Cached cached = clock.poll();
            if (!cached.drop()) {
                clock.add(cached.isReusable() ? cached : new Cached(cached.extent, cached.region));
            } else {
                count.decrementAndGet();
            }
        }
        running.set(false);
    }

    /** A map in memory, and the claim under which it is dropped. */
    private final class Cached extends RangeClaim {
        private final Extent extent;
        private final int region;
        private boolean reusable = true;

        Cached(Extent extent, int region) {
            this.extent = extent;
            this.region = region;
            long first = extent.firstBlockOf(region);
            set(first, first + extent.header().shape().regionBlocks(), true);
        }

        boolean drop() {
            if (!latch.tryClaim(this)) {
                return false;
            }
            boolean dropped = extent.dropMap(region);
            reusable = latch.release(this);
            return dropped;
        }

        /** Returns whether the latch has nothing to do with this claim any more. */
        boolean isReusable() {
            return reusable;
        }

        @Override
        protected void onGranted() {}

        @Override
        protected void onReleased() {}
    }
}
