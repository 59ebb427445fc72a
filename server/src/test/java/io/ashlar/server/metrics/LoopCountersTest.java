package io.ashlar.server.metrics;

import static org.assertj.core.api.Assertions.assertThat;

import io.ashlar.base.meter.LatencyBuckets;
import io.ashlar.base.status.Status;
import io.ashlar.protocol.frame.Opcode;
import org.junit.jupiter.api.Test;

class LoopCountersTest {
    @Test
    void shouldKeepEveryCellApart() {
        LoopCounters counters = new LoopCounters();
        int n = 1;
        for (Opcode opcode : Opcode.values()) {
            for (Status status : Status.values()) {
                for (int i = 0; i < n; i++) {
                    counters.answered(opcode, status, 10, 5000);
                }
                assertThat(counters.answers(opcode, status)).isEqualTo(n);
                n = n % 5 + 1;
            }
        }
        for (NodeEvent event : NodeEvent.values()) {
            counters.happened(event);
            assertThat(counters.count(event)).isEqualTo(1);
            counters.moved(event, -1);
            assertThat(counters.count(event)).isZero();
        }
        long reads = 0;
        for (Status status : Status.values()) {
            reads += counters.answers(Opcode.READ, status);
        }
        assertThat(counters.bytes(Opcode.READ)).isEqualTo(10 * reads);
        assertThat(counters.latencySumNs(Opcode.READ)).isEqualTo(5000 * reads);
        assertThat(counters.inBucket(Opcode.READ, LatencyBuckets.of(5000))).isEqualTo(reads);
    }
}
