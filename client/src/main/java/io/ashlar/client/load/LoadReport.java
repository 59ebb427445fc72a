package io.ashlar.client.load;

import io.ashlar.base.status.Status;
import org.HdrHistogram.Histogram;

/**
 * What a load came to.
 *
 * @param elapsedNs from the first request to the last completion
 * @param requestBytes length of each request
 * @param reads of the reads
 * @param writes of the writes
 * @param errors requests that failed; they are in no latency
 * @param firstError their first status, OK if there were none
 */
public record LoadReport(
        long elapsedNs, int requestBytes, Latencies reads, Latencies writes, long errors, Status firstError) {

    /** Returns completed requests per second. */
    public double requestsPerSecond() {
        return (reads.count + writes.count) * 1e9 / elapsedNs;
    }

    /** Returns bytes per second. */
    public double bytesPerSecond() {
        return requestsPerSecond() * requestBytes;
    }

    /** Latencies of one kind of request, in nanoseconds; all 0 where there were none. */
    public record Latencies(
            long count, double meanNs, long p50Ns, long p90Ns, long p99Ns, long p999Ns, long p9999Ns, long maxNs) {
        static Latencies of(Histogram histogram) {
            return new Latencies(
                    histogram.getTotalCount(),
                    histogram.getTotalCount() == 0 ? 0 : histogram.getMean(),
                    histogram.getValueAtPercentile(50),
                    histogram.getValueAtPercentile(90),
                    histogram.getValueAtPercentile(99),
                    histogram.getValueAtPercentile(99.9),
                    histogram.getValueAtPercentile(99.99),
                    histogram.getMaxValue());
        }
    }
}
