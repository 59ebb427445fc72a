package io.ashlar.bench.vhost;

import java.util.Locale;
import org.HdrHistogram.Histogram;

/**
 * What a load came to.
 *
 * @param total answers, those of the warm-up included
 * @param kept whether the disk kept the plan's rate; if not, only the first requests that became due are in here
 * @param elapsedNs from the end of the warm-up to the last answer
 * @param latencies from due to answered, nanoseconds, of what became due after the warm-up
 * @param delays from due to offered, of the same requests: what the generator, or the disk by keeping all slots, added
 */
record LoadResult(LoadPlan plan, long total, boolean kept, long elapsedNs, Histogram latencies, Histogram delays) {
    double requestsPerSecond() {
        return latencies.getTotalCount() * 1e9 / elapsedNs;
    }

    /** Returns one line of JSON. */
    String json() {
        return String.format(
                Locale.ROOT,
                "{\"queues\":%d,\"depth\":%d,\"asked\":%d,\"total\":%d,\"kept\":%b,\"measured\":%d,\"rate\":%.0f,\"p50_us\":%.1f,"
                        + "\"p99_us\":%.1f,\"p999_us\":%.1f,\"max_us\":%.1f,\"offered_late_p999_us\":%.1f}",
                plan.queues(),
                plan.depth(),
                plan.requestsPerSecond(),
                total,
                kept,
                latencies.getTotalCount(),
                requestsPerSecond(),
                latencies.getValueAtPercentile(50) / 1e3,
                latencies.getValueAtPercentile(99) / 1e3,
                latencies.getValueAtPercentile(99.9) / 1e3,
                latencies.getMaxValue() / 1e3,
                delays.getValueAtPercentile(99.9) / 1e3);
    }
}
