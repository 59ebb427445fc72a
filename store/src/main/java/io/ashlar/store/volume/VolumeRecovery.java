package io.ashlar.store.volume;

import io.ashlar.base.annotation.ThreadSafe;
import io.ashlar.base.sys.Errno;
import io.ashlar.store.extent.Extent;
import io.ashlar.store.extent.IoContext;
import io.ashlar.store.latch.RangeClaim;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Settles the regions that were marked when the volume was opened. Each is claimed exclusively before the volume serves
 * anybody, so that requests to it wait behind the claim while all other regions are served at once.
 */
@ThreadSafe
final class VolumeRecovery {
    private static final Logger LOG = LoggerFactory.getLogger(VolumeRecovery.class);

    /** Regions settled side by side; the rest of the pool stays free for requests. */
    private static final int WORKERS = 2;

    private final VolumeParts parts;
    private final boolean rewriteData;
    private final Queue<MarkedRegion> regions = new ConcurrentLinkedQueue<>();
    private final AtomicInteger regionsLeft = new AtomicInteger();
    private final CountDownLatch done = new CountDownLatch(1);
    private volatile boolean stopping;
    private volatile boolean stoppedEarly;

    VolumeRecovery(VolumeParts parts, boolean rewriteData) {
        this.parts = parts;
        this.rewriteData = rewriteData;
    }

    /** Claims a region; before the volume is handed out. */
    void add(Extent extent, int region) {
        MarkedRegion marked = new MarkedRegion(extent, region);
        if (parts.latch().tryClaim(marked)) { // a region may have two marks; once is enough
            regions.add(marked);
            regionsLeft.incrementAndGet();
        }
    }

    /** Starts settling in the pool. */
    void start() {
        if (regions.isEmpty()) {
            done.countDown();
        }
        for (int i = 0; i < Math.min(WORKERS, regions.size()); i++) {
            parts.pool().execute(this::settleNext);
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

    /** Returns whether all regions are settled. */
    boolean isDone() {
        return done.getCount() == 0;
    }

    private void settleNext() {
        MarkedRegion marked = regions.poll();
        if (marked == null) {
            return;
        }
        if (stopping) {
            stoppedEarly = true;
        } else {
            settle(marked);
        }
        if (regionsLeft.decrementAndGet() == 0) {
            done.countDown();
        } else {
            parts.pool().execute(this::settleNext);
        }
    }

    private void settle(MarkedRegion marked) {
        IoContext context = parts.contexts().take();
        int blocks = parts.shape().regionBlocks();
        int result = parts.settler().settle(marked.extent, marked.region, 0, blocks, context, rewriteData);
        parts.contexts().giveBack(context);
        if (result < 0) {
            LOG.error(
                    "can't settle region {} of extent {}: {}",
                    marked.region,
                    marked.extent.index(),
                    Errno.describe(result));
            marked.extent.fail("can't settle a region after a crash", result);
        }
        parts.intents().settled(marked.extent, marked.region);
        parts.counters().regionsRecovered().increment();
        parts.latch().release(marked);
    }

    private final class MarkedRegion extends RangeClaim {
        private final Extent extent;
        private final int region;

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
