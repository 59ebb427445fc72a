package io.ashlar.base.meter;

import static org.assertj.core.api.Assertions.assertThat;

import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.LongRange;

class LatencyBucketsTest {
    @Property
    void shouldPutALatencyIntoTheFirstBucketThatReachesIt(@ForAll @LongRange(min = 0, max = 1L << 40) long latencyNs) {
        int bucket = LatencyBuckets.of(latencyNs);
        assertThat(bucket).isBetween(0, LatencyBuckets.COUNT - 1);
        if (bucket > 0) {
            assertThat(latencyNs).isGreaterThan(LatencyBuckets.upperNs(bucket - 1));
        }
        if (bucket < LatencyBuckets.COUNT - 1) {
            assertThat(latencyNs).isLessThanOrEqualTo(LatencyBuckets.upperNs(bucket));
        }
    }
}
