package io.ashlar.store.intent;

import io.ashlar.base.annotation.ThreadSafe;
import io.ashlar.store.extent.Extent;
import io.ashlar.store.format.IntentSector;
import io.ashlar.store.latch.RangeClaim;
import io.ashlar.store.latch.RangeLatch;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * One round of clearing marks: claims the regions written least recently, as a reader, so that no write is in flight in
 * them; unmarks them; syncs their extents; and only then gives their slots back. Writes that come meanwhile wait behind
 * the claim and ask for a new mark.
 *
 * <p>No cycle of waiting is possible: a claim here waits only for writes in marked regions, and those wait for no mark.
 */
@ThreadSafe
final class MarkCleaning {
    private final IntentTable table;
    private final IntentFile file;
    private final Extent[] extents;
    private final RangeLatch latch;
    private final Executor pool;
    private final List<Victim> victims = new ArrayList<>();
    private final AtomicInteger claimsLeft = new AtomicInteger();
    private boolean passedOver;
    private int[] cleanSlots = new int[0];

    MarkCleaning(IntentTable table, IntentFile file, Extent[] extents, RangeLatch latch, Executor pool) {
        this.table = table;
        this.file = file;
        this.extents = extents;
        this.latch = latch;
        this.pool = pool;
    }

    /**
     * Chooses up to {@code count} regions that were last written at {@code lastTick} or before. On the table's thread.
     *
     * @return whether there are any; failed extents keep their marks
     */
    boolean choose(int count, long lastTick) {
        long[] byAge = new long[extents.length];
        int candidates = 0;
        for (int slot = 0; slot < extents.length; slot++) {
            Extent extent = extents[slot];
            if (extent != null && !extent.isFailed()) {
                long tick = extent.lastWriteTick(IntentSector.regionOf(file.get(slot)));
                if (tick <= lastTick) {
                    byAge[candidates++] = tick * extents.length + slot; // 2^51 batches of marks take for ever
                } else {
                    passedOver = true;
                }
            }
        }
        Arrays.sort(byAge, 0, candidates);
        for (int i = 0; i < Math.min(count, candidates); i++) {
            int slot = (int) (byAge[i] % extents.length);
            victims.add(new Victim(slot, extents[slot], IntentSector.regionOf(file.get(slot))));
        }
        return !victims.isEmpty();
    }

    /** Returns whether there are regions of sound extents that were written later than those to choose from. */
    boolean hasPassedOver() {
        return passedOver;
    }

    /** Starts with what was chosen; the end is {@link IntentTable#takeBack}. On the table's thread. */
    void start() {
        claimsLeft.set(victims.size() + 1);
        for (Victim victim : victims) {
            if (latch.claim(victim)) {
                claimed();
            }
        }
        claimed();
    }

    /** Returns the slots that are free now. */
    int[] cleanSlots() {
        return cleanSlots;
    }

    private void claimed() {
        if (claimsLeft.decrementAndGet() == 0) {
            pool.execute(this::sync);
        }
    }

    private void sync() {
        Set<Extent> touched = new HashSet<>();
        for (Victim victim : victims) {
            victim.extent.setMarked(victim.region, false);
            touched.add(victim.extent);
        }
        touched.forEach(Extent::syncNow);
        cleanSlots = victims.stream()
                .filter(victim -> !victim.extent.isFailed())
                .mapToInt(victim -> victim.slot)
                .toArray();
        for (Victim victim : victims) {
            latch.release(victim);
        }
        table.takeBack(this);
    }

    private final class Victim extends RangeClaim {
        private final int slot;
        private final Extent extent;
        private final int region;

        Victim(int slot, Extent extent, int region) {
            this.slot = slot;
            this.extent = extent;
            this.region = region;
            long first = extent.firstBlockOf(region);
            set(first, first + extent.header().shape().regionBlocks(), false);
        }

        @Override
        protected void onGranted() {
            claimed();
        }

        @Override
        protected void onReleased() {}
    }
}
