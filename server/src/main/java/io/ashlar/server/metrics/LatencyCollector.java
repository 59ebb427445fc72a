package io.ashlar.server.metrics;

import com.google.errorprone.annotations.Immutable;
import io.ashlar.protocol.frame.Opcode;
import io.prometheus.metrics.model.registry.Collector;
import io.prometheus.metrics.model.snapshots.ClassicHistogramBuckets;
import io.prometheus.metrics.model.snapshots.HistogramSnapshot;
import io.prometheus.metrics.model.snapshots.HistogramSnapshot.HistogramDataPointSnapshot;
import io.prometheus.metrics.model.snapshots.Labels;
import io.prometheus.metrics.model.snapshots.MetricSnapshot;
import java.util.List;
import java.util.Locale;

/**
 * The loops' latency buckets as one Prometheus histogram with a label for the operation. Micrometer has no histogram over
 * counters kept elsewhere, so this goes to its underlying registry.
 */
@Immutable
final class LatencyCollector implements Collector {
    private static final double NS_PER_SECOND = 1e9;

    @SuppressWarnings("Immutable") // an unmodifiable list of counters that are thread-safe
    private final List<LoopCounters> loops;

    LatencyCollector(List<LoopCounters> loops) {
        this.loops = List.copyOf(loops);
    }

    @Override
    public MetricSnapshot collect() {
        HistogramSnapshot.Builder histogram = HistogramSnapshot.builder()
                .name("ashlar_node_request_seconds")
                .help("Time from a request's arrival to its answer, inside the node");
        for (Opcode opcode : Opcode.values()) {
            histogram.dataPoint(dataPoint(opcode));
        }
        return histogram.build();
    }

    private HistogramDataPointSnapshot dataPoint(Opcode opcode) {
        ClassicHistogramBuckets.Builder buckets = ClassicHistogramBuckets.builder();
        double sumNs = 0;
        for (int bucket = 0; bucket < LoopCounters.BUCKETS; bucket++) {
            long count = 0;
            for (LoopCounters loop : loops) {
                count += loop.inBucket(opcode, bucket);
            }
            boolean open = bucket == LoopCounters.BUCKETS - 1;
            double upper = open ? Double.POSITIVE_INFINITY : LoopCounters.bucketUpperNs(bucket) / NS_PER_SECOND;
            buckets.bucket(upper, count);
        }
        for (LoopCounters loop : loops) {
            sumNs += loop.latencySumNs(opcode);
        }
        return HistogramDataPointSnapshot.builder()
                .labels(Labels.of("operation", opcode.name().toLowerCase(Locale.ROOT)))
                .classicHistogramBuckets(buckets.build())
                .sum(sumNs / NS_PER_SECOND)
                .build();
    }
}
