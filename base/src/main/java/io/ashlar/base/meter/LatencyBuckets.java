package io.ashlar.base.meter;

import com.google.errorprone.annotations.Immutable;

/** The buckets of every latency histogram: one for each power of two nanoseconds, the last one open. */
@Immutable
public final class LatencyBuckets {
    /** Upper bound of the first bucket, in nanoseconds: about the shortest time that a stage of a request takes. */
    public static final int FIRST_NS = 1 << 10;
    /** Buckets of a histogram: 1 µs, 2 µs, ... 17 s, and above. */
    public static final int COUNT = 26;

    private LatencyBuckets() {}

    /** Returns the bucket whose upper bound is the first that is not below the latency. */
    public static int of(long latencyNs) {
        if (latencyNs <= FIRST_NS) {
            return 0;
        }
        int bucket = Long.SIZE - Long.numberOfLeadingZeros((latencyNs - 1) / FIRST_NS);
        return Math.min(bucket, COUNT - 1);
    }

    /** Returns the upper bound of a bucket in nanoseconds; the last one has none. */
    public static long upperNs(int bucket) {
        return (long) FIRST_NS << bucket;
    }
}
