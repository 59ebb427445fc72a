package io.ashlar.client.volume;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.ByteString;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class DurabilityTest {
    private static final ByteString FIRST = ByteString.copyFromUtf8("first");
    private static final ByteString SECOND = ByteString.copyFromUtf8("second");

    private final Durability durability = new Durability();
    private final Durability.Stamp one = durability.register();
    private final Durability.Stamp other = durability.register();

    @BeforeEach
    void greet() {
        assertThat(durability.greeted(FIRST)).isZero();
    }

    @Test
    void shouldMissNothingWhenTheBootIsTheSame() {
        one.acknowledge(0);
        assertThat(durability.greeted(FIRST)).isZero();
    }

    @Test
    void shouldSayThatWritesAreLostWhenNoFlushFollowedThem() {
        one.acknowledge(0);
        assertThat(durability.greeted(SECOND)).isNegative();
    }

    @Test
    void shouldNotCountAFlushThatWasSentBeforeTheAcknowledgement() {
        long number = durability.flushStarting();
        one.acknowledge(0);
        durability.flushEnded(number);
        assertThat(durability.greeted(SECOND)).isNegative();
    }

    @Test
    void shouldCountAFlushOfAnyQueueWhenItWasSentAfterTheAcknowledgement() {
        one.acknowledge(0);
        other.acknowledge(0);
        long early = durability.flushStarting();
        long late = durability.flushStarting();
        durability.flushEnded(late);
        durability.flushEnded(early);
        assertThat(durability.greeted(SECOND)).isEqualTo(1);
    }

    @Test
    void shouldNotCountAFlushThatFailed() {
        one.acknowledge(0);
        durability.flushStarting();
        assertThat(durability.greeted(SECOND)).isNegative();
    }

    @Test
    void shouldRefuseAnAnswerOfBeforeTheRestart() {
        assertThat(durability.greeted(SECOND)).isEqualTo(1);
        assertThat(one.acknowledge(0)).isFalse();
        assertThat(one.acknowledge(1)).isTrue();
    }

    @Test
    void shouldRememberWhatAQueueAcknowledgedBeforeItWasClosed() {
        one.acknowledge(0);
        durability.unregister(one);
        assertThat(durability.greeted(SECOND)).isNegative();
    }
}
