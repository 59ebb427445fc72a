package io.ashlar.server.metrics;

import com.google.errorprone.annotations.Immutable;
import io.ashlar.protocol.frame.Opcode;
import io.prometheus.metrics.model.registry.Collector;
import io.prometheus.metrics.model.snapshots.HistogramSnapshot;
import io.prometheus.metrics.model.snapshots.HistogramSnapshot.HistogramDataPointSnapshot;
import io.prometheus.metrics.model.snapshots.Labels;
import io.prometheus.metrics.model.snapshots.MetricSnapshot;
import java.util.List;
import java.util.Locale;
import java.util.function.ToLongFunction;

/**
 * The loops' latency buckets as one Prometheus histogram with a label for the operation. Micrometer has no histogram over
 * counters kept elsewhere, so this goes to its underlying registry.
 */
@Immutable
final class LatencyCollector implements Collector {
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
        return LatencyHistogram.dataPoint(
                Labels.of("operation", opcode.name().toLowerCase(Locale.ROOT)),
                bucket -> sum(loop -> loop.inBucket(opcode, bucket)),
                sum(loop -> loop.latencySumNs(opcode)));
    }

    private long sum(ToLongFunction<LoopCounters> figure) {
        return loops.stream().mapToLong(figure).sum();
    }
}
