package io.ashlar.client.range;

import io.ashlar.base.annotation.ThreadSafe;
import io.ashlar.base.block.BlockGeometry;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

/**
 * The ranges of one volume that have requests in flight, shared by its loops. Two writes, or a read and a write, that
 * touch a common 4 KiB block are never in flight together: replicas, and the node's own queues, would see them in
 * different orders.
 *
 * <p>Idea: a data frame lies inside one 1 MiB region, so the region's bucket is all that has to be looked at. A bucket is
 * a list of holds in the order of their arrival. A hold is granted when nothing that arrived earlier conflicts with it,
 * whether that is in flight or waiting itself: nobody is overtaken, nobody starves, and a wake-up is needed only for
 * what really waited. A range that crosses regions (write-zeroes, discard) holds each of them, claimed in ascending
 * order, so that two such ranges can't wait for each other.
 *
 * <p>A bucket is guarded by a latch, one compare-and-set, held for some tens of nanoseconds; loops are pinned one per
 * CPU, so its holder is hardly ever descheduled. Nothing is allocated.
 */
@ThreadSafe
public final class RangeTable {
    /** Buckets: the regions of one extent fall into different ones. */
    private static final int BUCKETS = BlockGeometry.EXTENT_BYTES / BlockGeometry.REGION_BYTES;

    private final Bucket[] buckets = new Bucket[BUCKETS];

    /** Creates an empty table. */
    public RangeTable() {
        for (int i = 0; i < BUCKETS; i++) {
            buckets[i] = new Bucket();
        }
    }

    private Bucket bucketOf(Hold hold) {
        return buckets[(int) (hold.firstBlock / BlockGeometry.REGION_BLOCKS) & (BUCKETS - 1)];
    }

    /** Enters the hold, whose range is set; returns whether it is granted at once. */
    boolean enter(Hold hold) {
        return bucketOf(hold).enter(hold);
    }

    /** Takes a hold out, granted or not, and grants what waited for it; who is to be woken is added to the list. */
    void leave(Hold hold, WakeList woken) {
        bucketOf(hold).leave(hold, woken);
    }

    /** A claimed piece of a region; its fields but {@code granted} are guarded by the latch of its bucket. */
    static final class Hold {
        private static final VarHandle GRANTED;

        static {
            try {
                GRANTED = MethodHandles.lookup().findVarHandle(Hold.class, "granted", boolean.class);
            } catch (ReflectiveOperationException e) {
                throw new ExceptionInInitializerError(e);
            }
        }

        /** The next hold of the same claim, or of a pool; belongs to the claim's loop. */
        Hold nextOfClaim;

        private long firstBlock;
        private long endBlock;
        private boolean write;
        private RangeOwner owner;

        @SuppressWarnings("UnusedVariable") // read and written through GRANTED
        private boolean granted;

        private Hold earlier;
        private Hold later;

        void set(RangeOwner newOwner, long newFirstBlock, long newEndBlock, boolean newWrite) {
            owner = newOwner;
            firstBlock = newFirstBlock;
            endBlock = newEndBlock;
            write = newWrite;
        }

        private boolean conflictsWith(Hold other) {
            return (write || other.write) && firstBlock < other.endBlock && other.firstBlock < endBlock;
        }

        boolean isGranted() {
            return (boolean) GRANTED.getAcquire(this);
        }

        private void grant(boolean value) {
            GRANTED.setRelease(this, value);
        }
    }

    /** The holds of the regions that fall into one bucket, earliest first. */
    private static final class Bucket {
        private static final VarHandle LATCH;

        static {
            try {
                LATCH = MethodHandles.lookup().findVarHandle(Bucket.class, "latch", int.class);
            } catch (ReflectiveOperationException e) {
                throw new ExceptionInInitializerError(e);
            }
        }

        @SuppressWarnings("UnusedVariable") // read and written through LATCH
        private int latch;

        private int waitingCount;
        private Hold last;

        private void lock() {
            while (!LATCH.compareAndSet(this, 0, 1)) {
                Thread.onSpinWait();
            }
        }

        private void unlock() {
            LATCH.setRelease(this, 0);
        }

        boolean enter(Hold hold) {
            lock();
            boolean free = !conflictsWithEarlier(hold, last);
            hold.earlier = last;
            hold.later = null;
            if (last != null) {
                last.later = hold;
            }
            last = hold;
            hold.grant(free);
            if (!free) {
                waitingCount++;
            }
            unlock();
            return free;
        }

        private static boolean conflictsWithEarlier(Hold hold, Hold from) {
            for (Hold other = from; other != null; other = other.earlier) {
                if (hold.conflictsWith(other)) {
                    return true;
                }
            }
            return false;
        }

        void leave(Hold hold, WakeList woken) {
            lock();
            if (!hold.isGranted()) {
                waitingCount--;
            }
            unlink(hold);
            if (waitingCount > 0) {
                grantAfter(hold, woken);
            }
            hold.earlier = null;
            hold.later = null;
            unlock();
        }

        private void unlink(Hold hold) {
            if (hold.earlier != null) {
                hold.earlier.later = hold.later;
            }
            if (hold.later == null) {
                last = hold.earlier;
            } else {
                hold.later.earlier = hold.earlier;
            }
        }

        /** Grants those that came later, conflicted with the hold that left, and conflict with nothing else. */
        private void grantAfter(Hold left, WakeList woken) {
            for (Hold hold = left.later; hold != null; hold = hold.later) {
                if (!hold.isGranted() && hold.conflictsWith(left) && !conflictsWithEarlier(hold, hold.earlier)) {
                    waitingCount--;
                    woken.add(hold.owner);
                    hold.grant(true);
                }
            }
        }
    }
}
