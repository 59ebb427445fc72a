package io.ashlar.client.volume;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.ByteString;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class DurabilityTest {
    private static final ByteString FIRST = ByteString.copyFromUtf8("first");
    private static final ByteString SECOND = ByteString.copyFromUtf8("second");
    private static final ByteString START = ByteString.copyFromUtf8("start");
    private static final ByteString RESTART = ByteString.copyFromUtf8("restart");

    private final Durability durability = new Durability();
    private final Durability.Stamp one = durability.register();
    private final Durability.Stamp other = durability.register();

    @BeforeEach
    void greet() {
        assertThat(durability.greeted(FIRST, START)).isZero();
    }

    @Test
    void shouldMissNothingWhenTheBootIsTheSame() {
        one.acknowledge(0);
        assertThat(durability.greeted(FIRST, START)).isZero();
    }

    @Test
    void shouldSayThatWritesAreLostWhenNoFlushFollowedThem() {
        one.acknowledge(0);
        assertThat(durability.greeted(SECOND, RESTART)).isNegative();
    }

    @Test
    void shouldNotCountAFlushThatWasSentBeforeTheAcknowledgement() {
        long number = durability.flushStarting();
        one.acknowledge(0);
        durability.flushEnded(number);
        assertThat(durability.greeted(SECOND, RESTART)).isNegative();
    }

    @Test
    void shouldCountAFlushOfAnyQueueWhenItWasSentAfterTheAcknowledgement() {
        one.acknowledge(0);
        other.acknowledge(0);
        long early = durability.flushStarting();
        long late = durability.flushStarting();
        durability.flushEnded(late);
        durability.flushEnded(early);
        assertThat(durability.greeted(SECOND, RESTART)).isEqualTo(1);
    }

    @Test
    void shouldNotCountAFlushThatFailed() {
        one.acknowledge(0);
        durability.flushStarting();
        assertThat(durability.greeted(SECOND, RESTART)).isNegative();
    }

    @Test
    void shouldRefuseAnAnswerOfBeforeTheRestart() {
        assertThat(durability.greeted(SECOND, RESTART)).isEqualTo(1);
        assertThat(one.acknowledge(0)).isFalse();
        assertThat(one.acknowledge(1)).isTrue();
    }

    @Test
    void shouldRememberWhatAQueueAcknowledgedBeforeItWasClosed() {
        one.acknowledge(0);
        durability.unregister(one);
        assertThat(durability.greeted(SECOND, RESTART)).isNegative();
    }

    @Test
    void shouldSayThatWritesMayBeLostWhenTheNodeIsRestartedAfterItsDiskHasFailed() {
        one.acknowledge(0);
        durability.flushStarting();
        assertThat(durability.diskFailed(0)).isTrue();
        assertThat(durability.greeted(FIRST, START)).as("the same process").isZero();
        assertThat(durability.greeted(FIRST, RESTART)).isNegative();
    }

    @Test
    void shouldMissNothingWhenTheNodeIsRestartedWithASoundDisk() {
        one.acknowledge(0);
        assertThat(durability.greeted(FIRST, RESTART)).isEqualTo(1);
    }

    @Test
    void shouldMissNothingWhenEveryWriteWasFlushedBeforeTheDiskFailed() {
        one.acknowledge(0);
        durability.flushEnded(durability.flushStarting());
        assertThat(durability.diskFailed(0)).isTrue();
        assertThat(durability.greeted(FIRST, RESTART)).isEqualTo(1);
        one.acknowledge(1);
        assertThat(durability.greeted(FIRST, START)).as("the next start").isEqualTo(2);
    }

    @Test
    void shouldTakeTheDiskForSoundAgainWhenALaterFlushSucceeds() {
        long early = durability.flushStarting();
        assertThat(durability.diskFailed(0)).isTrue();
        durability.flushEnded(durability.flushStarting());
        durability.flushEnded(early);
        one.acknowledge(0);
        assertThat(durability.greeted(FIRST, RESTART)).isEqualTo(1);
    }

    @Test
    void shouldSayThatWritesMayBeLostWhenTheFailureIsHeardOfAfterTheRestart() {
        one.acknowledge(0);
        assertThat(durability.greeted(FIRST, RESTART)).isEqualTo(1);
        assertThat(durability.diskFailed(0)).isFalse();
    }
}
