package io.ashlar.store.latch;

import io.ashlar.base.annotation.ThreadSafe;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

/**
 * Orders requests of a volume that overlap in whole 4 KiB blocks, in the order of their arrival, whatever loop or pool
 * thread they come from. Claims of readers share blocks, an exclusive one has them alone. No thread ever waits: a claim
 * that must wait is parked, and told later.
 *
 * <p>Regions are hashed onto buckets. A bucket is entered with one compare-and-set by whoever finds it idle; who finds it
 * busy leaves the claim as mail, which the one inside works off before leaving. So without contention a claim costs two
 * compare-and-sets and the walk along the few claims that are in flight in that region.
 */
@ThreadSafe
public final class RangeLatch {
    private static final int BUCKETS = 1024;
    private static final VarHandle MAIL;

    static {
        try {
            MAIL = MethodHandles.lookup().findVarHandle(Bucket.class, "mail", RangeClaim.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    private final Bucket[] buckets = new Bucket[BUCKETS];
    private final int regionShift;

    /** Creates a latch for regions of so many blocks, a power of two. */
    public RangeLatch(int regionBlocks) {
        regionShift = Integer.numberOfTrailingZeros(regionBlocks);
        for (int i = 0; i < BUCKETS; i++) {
            buckets[i] = new Bucket();
        }
    }

    /** Asks for the claim; returns true if it is granted, else {@link RangeClaim#onGranted} is called later. */
    public boolean claim(RangeClaim claim) {
        claim.releasing = false;
        Bucket bucket = bucketOf(claim);
        if (!bucket.enter(claim)) {
            return false;
        }
        boolean granted = bucket.insert(claim);
        bucket.leave();
        return granted;
    }

    /** Takes the claim if that is possible at once; otherwise nothing has happened. */
    public boolean tryClaim(RangeClaim claim) {
        Bucket bucket = bucketOf(claim);
        if (!MAIL.compareAndSet(bucket, null, Bucket.BUSY)) {
            return false;
        }
        boolean granted = !bucket.hasConflictBefore(claim, null);
        if (granted) {
            bucket.insert(claim);
        }
        bucket.leave();
        return granted;
    }

    /**
     * Gives a granted claim back; returns true if it may be used again at once, else {@link RangeClaim#onReleased} is
     * called later.
     */
    public boolean release(RangeClaim claim) {
        claim.releasing = true;
        Bucket bucket = bucketOf(claim);
        if (!bucket.enter(claim)) {
            return false;
        }
        bucket.remove(claim);
        bucket.leave();
        return true;
    }

    private Bucket bucketOf(RangeClaim claim) {
        long region = claim.firstBlock >>> regionShift;
        if (claim.endBlock <= claim.firstBlock || (claim.endBlock - 1) >>> regionShift != region) {
            throw new IllegalArgumentException(
                    "blocks " + claim.firstBlock + " to " + claim.endBlock + " are not in one region");
        }
        return buckets[(int) (region ^ (region >>> Integer.numberOfTrailingZeros(BUCKETS))) & (BUCKETS - 1)];
    }

    /** A list of claims in the order of arrival, and the mail. */
    private static final class Bucket {
        /** In {@link #mail}: somebody is inside, and the end of the mail. */
        private static final RangeClaim BUSY = new RangeClaim() {
            @Override
            protected void onGranted() {}

            @Override
            protected void onReleased() {}
        };

        /** Null: idle. Otherwise claims left by those who found it busy, newest first, ending with {@link #BUSY}. */
        @SuppressWarnings("unused") // used through MAIL
        private volatile RangeClaim mail;

        private RangeClaim head;
        private RangeClaim tail;

        boolean enter(RangeClaim claim) {
            while (true) {
                RangeClaim seen = (RangeClaim) MAIL.getVolatile(this);
                if (seen == null) {
                    if (MAIL.compareAndSet(this, null, BUSY)) {
                        return true;
                    }
                } else {
                    claim.nextMail = seen;
                    if (MAIL.compareAndSet(this, seen, claim)) {
                        return false;
                    }
                }
            }
        }

        void leave() {
            while (!MAIL.compareAndSet(this, BUSY, null)) {
                deliver((RangeClaim) MAIL.getAndSet(this, BUSY));
            }
        }

        private void deliver(RangeClaim newestFirst) {
            RangeClaim inOrder = null;
            for (RangeClaim claim = newestFirst; claim != BUSY; ) {
                RangeClaim next = claim.nextMail;
                claim.nextMail = inOrder;
                inOrder = claim;
                claim = next;
            }
            while (inOrder != null) {
                RangeClaim claim = inOrder;
                inOrder = claim.nextMail;
                claim.nextMail = null;
                if (claim.releasing) {
                    remove(claim);
                    claim.onReleased();
                } else if (insert(claim)) {
                    claim.onGranted();
                }
            }
        }

        /** Appends; returns whether nobody before it is in its way. */
        boolean insert(RangeClaim claim) {
            claim.granted = !hasConflictBefore(claim, null);
            claim.before = tail;
            claim.after = null;
            if (tail == null) {
                head = claim;
            } else {
                tail.after = claim;
            }
            tail = claim;
            return claim.granted;
        }

        void remove(RangeClaim claim) {
            if (claim.before == null) {
                head = claim.after;
            } else {
                claim.before.after = claim.after;
            }
            if (claim.after == null) {
                tail = claim.before;
            } else {
                claim.after.before = claim.before;
            }
            for (RangeClaim waiting = claim.after; waiting != null; waiting = waiting.after) {
                if (!waiting.granted && waiting.conflictsWith(claim) && !hasConflictBefore(waiting, waiting)) {
                    waiting.granted = true;
                    waiting.onGranted();
                }
            }
            claim.before = null;
            claim.after = null;
        }

        /** Returns whether a claim in front of {@code end} (null: any) is in the way, granted or waiting. */
        boolean hasConflictBefore(RangeClaim claim, RangeClaim end) {
            for (RangeClaim other = head; other != end; other = other.after) {
                if (other.conflictsWith(claim)) {
                    return true;
                }
            }
            return false;
        }
    }
}
