package io.ashlar.server.metrics;

import com.google.errorprone.annotations.Immutable;
import io.ashlar.base.meter.LatencyBuckets;
import io.prometheus.metrics.model.snapshots.ClassicHistogramBuckets;
import io.prometheus.metrics.model.snapshots.HistogramSnapshot.HistogramDataPointSnapshot;
import io.prometheus.metrics.model.snapshots.Labels;
import java.util.function.IntToLongFunction;

/** Latencies counted in {@link LatencyBuckets} as Prometheus has them: in seconds. */
@Immutable
public final class LatencyHistogram {
    private static final double NS_PER_SECOND = 1e9;

    private LatencyHistogram() {}

    /**
     * Returns one line of a histogram.
     *
     * @param countInBucket how many latencies lie in a bucket
     * @param sumNs the sum of all, in nanoseconds
     */
    public static HistogramDataPointSnapshot dataPoint(Labels labels, IntToLongFunction countInBucket, long sumNs) {
        ClassicHistogramBuckets.Builder buckets = ClassicHistogramBuckets.builder();
        for (int bucket = 0; bucket < LatencyBuckets.COUNT; bucket++) {
            boolean open = bucket == LatencyBuckets.COUNT - 1;
            double upper = open ? Double.POSITIVE_INFINITY : LatencyBuckets.upperNs(bucket) / NS_PER_SECOND;
            buckets.bucket(upper, countInBucket.applyAsLong(bucket));
        }
        return HistogramDataPointSnapshot.builder()
                .labels(labels)
                .classicHistogramBuckets(buckets.build())
                .sum(sumNs / NS_PER_SECOND)
                .build();
    }
}
