package io.ashlar.client.volume;

import static org.assertj.core.api.Assertions.assertThat;

import io.ashlar.base.block.Operation;
import io.ashlar.base.block.TestRequest;
import org.junit.jupiter.api.Test;

class WaitingRequestsTest {
    private final WaitingRequests waiting = new WaitingRequests();

    private TestRequest add(long submittedNs) {
        TestRequest request = TestRequest.of(Operation.FLUSH, 0, 0, 0);
        request.submittedAt(submittedNs);
        waiting.add(request);
        return request;
    }

    @Test
    void shouldKeepTheOrderOfThoseThatAreNotLate() {
        TestRequest first = add(20);
        TestRequest late = add(10);
        TestRequest third = add(30);
        assertThat(waiting.expire(15, 40)).isEqualTo(20);
        assertThat(waiting.pollExpired()).isSameAs(late);
        assertThat(waiting.pollExpired()).isNull();
        TestRequest fourth = add(40);
        assertThat(waiting.poll()).isSameAs(first);
        assertThat(waiting.poll()).isSameAs(third);
        assertThat(waiting.poll()).isSameAs(fourth);
        assertThat(waiting.isEmpty()).isTrue();
    }

    @Test
    void shouldHaveNoOldestWhenNothingIsLeft() {
        add(10);
        assertThat(waiting.expire(15, 40)).isEqualTo(40);
        assertThat(waiting.isEmpty()).isTrue();
    }
}
