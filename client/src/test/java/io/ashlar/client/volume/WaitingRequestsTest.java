package io.ashlar.client.volume;

import static org.assertj.core.api.Assertions.assertThat;

import io.ashlar.base.block.Operation;
import io.ashlar.base.block.TestRequest;
import org.junit.jupiter.api.Test;

class WaitingRequestsTest {
    private final WaitingRequests waiting = new WaitingRequests();

    private static TestRequest request() {
        return TestRequest.of(Operation.FLUSH, 0, 0, 0);
    }

    @Test
    void shouldKeepTheOrderAcrossSteps() {
        TestRequest first = request();
        TestRequest second = request();
        TestRequest third = request();
        waiting.add(first);
        waiting.turn();
        waiting.add(second);
        waiting.add(third);
        assertThat(waiting.poll()).isSameAs(first);
        assertThat(waiting.polledAge()).isEqualTo(1);
        assertThat(waiting.poll()).isSameAs(second);
        assertThat(waiting.polledAge()).isZero();
        assertThat(waiting.poll()).isSameAs(third);
        assertThat(waiting.poll()).isNull();
        assertThat(waiting.isEmpty()).isTrue();
    }

    @Test
    void shouldExpireARequestWhenAllStepsHavePassed() {
        TestRequest old = request();
        waiting.add(old);
        for (int i = 0; i < WaitingRequests.STEPS; i++) {
            waiting.turn();
            assertThat(waiting.pollExpired()).isNull();
        }
        TestRequest fresh = request();
        waiting.add(fresh);
        waiting.turn();
        assertThat(waiting.pollExpired()).isSameAs(old);
        waiting.add(request());
        assertThat(waiting.pollExpired()).isNull();
        assertThat(waiting.poll()).isSameAs(fresh);
    }
}
