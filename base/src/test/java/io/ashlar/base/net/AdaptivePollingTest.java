package io.ashlar.base.net;

import static org.assertj.core.api.Assertions.assertThat;

import io.ashlar.base.loop.MemorySource;
import io.ashlar.base.time.Clock;
import io.netty.channel.SelectStrategy;
import org.junit.jupiter.api.Test;

class AdaptivePollingTest {
    /** A look takes this long. */
    private static final long LOOK_NS = 500;

    private final FakeClock clock = new FakeClock();
    private final AdaptivePolling polling = new AdaptivePolling(clock);
    private long eventAtNs = Long.MAX_VALUE;
    private int looks;

    private int look() {
        looks++;
        clock.nowNs += LOOK_NS;
        return clock.nowNs >= eventAtNs ? 1 : 0;
    }

    /** Waits for an event that comes after the time; returns whether the loop had to sleep. */
    private boolean sleepsFor(long eventAfterNs) throws Exception {
        eventAtNs = clock.nowNs + eventAfterNs;
        boolean sleeps = polling.calculateStrategy(this::look, false) == SelectStrategy.SELECT;
        clock.nowNs = Math.max(clock.nowNs, eventAtNs);
        return sleeps;
    }

    @Test
    void shouldNotSleepWhenEventsHaveComeSoonLately() throws Exception {
        for (int i = 0; i < 5; i++) {
            sleepsFor(10_000);
        }
        assertThat(sleepsFor(10_000)).isFalse();
    }

    @Test
    void shouldSleepAtOnceWhenEventsComeSeldom() throws Exception {
        for (int i = 0; i < 8; i++) {
            sleepsFor(10_000);
        }
        for (int i = 0; i < 8; i++) {
            assertThat(sleepsFor(1_000_000)).isTrue();
        }
        looks = 0;
        assertThat(sleepsFor(1_000_000)).isTrue();
        assertThat(looks).isZero();
    }

    @Test
    void shouldNearlyNeverLookWhenEventsComeOnlyWhileItSleeps() throws Exception {
        for (int i = 0; i < 10_000; i++) {
            eventAtNs = Long.MAX_VALUE;
            assertThat(polling.calculateStrategy(this::look, false)).isEqualTo(SelectStrategy.SELECT);
            clock.nowNs += 10_000; // whoever makes the event needs this CPU for so long
        }
        assertThat(looks * LOOK_NS).isLessThan(10_000 * 10_000L / 50);
        for (int i = 0; i < Patience.REST_WAITS + Patience.MISSES_MAX; i++) {
            sleepsFor(10_000);
        }
        assertThat(sleepsFor(10_000)).as("tries again some time").isFalse();
    }

    @Test
    void shouldNeverLookLongerThanItsLimit() throws Exception {
        for (int i = 0; i < 100; i++) {
            sleepsFor(20_000);
        }
        long before = clock.nowNs;
        eventAtNs = Long.MAX_VALUE;
        assertThat(polling.calculateStrategy(this::look, false)).isEqualTo(SelectStrategy.SELECT);
        assertThat(clock.nowNs - before).isBetween(Patience.POLL_NS_MIN, Patience.POLL_NS_MAX + LOOK_NS);
    }

    @Test
    void shouldLookForRequestsWhenItHasLearntThatLookingForAnswersIsInVain() throws Exception {
        int sleptForRequests = 0;
        for (int i = 0; i < 1000; i++) {
            polling.answersDue(1);
            eventAtNs = Long.MAX_VALUE;
            assertThat(polling.calculateStrategy(this::look, false)).isEqualTo(SelectStrategy.SELECT);
            clock.nowNs += 10_000; // the node needs this CPU for so long
            polling.answersDue(-1);
            sleptForRequests += sleepsFor(10_000) ? 1 : 0;
        }
        assertThat(sleptForRequests).isLessThan(10);
    }

    @Test
    void shouldLookForRequestsWhoseHandlingTakesLong() throws Exception {
        int slept = 0;
        for (int i = 0; i < 1000; i++) {
            slept += sleepsFor(10_000) ? 1 : 0;
            clock.nowNs += 1_000_000;
            polling.handled(1_000_000);
        }
        assertThat(slept).isLessThan(10);
    }

    @Test
    void shouldLookOnceAndGoOnWhenTasksWait() throws Exception {
        assertThat(polling.calculateStrategy(this::look, true)).isZero();
        assertThat(looks).isEqualTo(1);
    }

    @Test
    void shouldArmSourcesInMemoryBeforeItSleeps() throws Exception {
        Source source = new Source();
        polling.watched().add(source);

        assertThat(sleepsFor(1_000_000)).isTrue();
        assertThat(source.armed).isEqualTo(1);
        assertThat(sleepsFor(1_000_000)).isTrue();
        assertThat(source.armed).as("the watch ended").isEqualTo(1);
    }

    @Test
    void shouldNotSleepWhenSourceHasWorkThatItWillGiveNoEventFor() throws Exception {
        Source source = new Source();
        polling.watched().add(source);
        source.left = 2;

        assertThat(sleepsFor(1_000_000)).isFalse();
        assertThat(polling.workInMemory()).isEqualTo(1);
        assertThat(sleepsFor(1_000_000)).as("still watched").isFalse();
        assertThat(polling.workInMemory()).isEqualTo(1);
        assertThat(polling.workInMemory()).isZero();
        assertThat(sleepsFor(1_000_000)).isTrue();
        assertThat(source.left).isZero();
    }

    @Test
    void shouldFindWorkInMemoryWhileItLooks() throws Exception {
        Source source = new Source();
        for (int i = 0; i < 5; i++) {
            sleepsFor(10_000);
        }
        polling.watched().add(source);
        source.workAtNs = clock.nowNs + 2_000;

        assertThat(sleepsFor(10_000_000)).isFalse();
        assertThat(source.armed).as("its driver was never asked for a sign").isZero();
    }

    @Test
    void shouldNotCountWorkInMemoryAsWaiting() throws Exception {
        Source source = new Source();
        int slept = 0;
        for (int i = 0; i < 1000; i++) {
            slept += sleepsFor(10_000) ? 1 : 0;
            polling.watched().add(source);
            source.left = 1;
            source.workNs = 1_000_000;
            polling.workInMemory();
        }
        assertThat(slept).isLessThan(10);
    }

    @Test
    void shouldWatchOthersWhenOneEndsItsOwnWatchAtWork() {
        Source stays = new Source();
        Source leaves = new Source();
        leaves.ends = true;
        polling.watched().add(leaves);
        polling.watched().add(stays);
        polling.watched().add(stays);
        stays.left = 2;
        leaves.left = 2;

        assertThat(polling.workInMemory()).isEqualTo(2);
        assertThat(polling.workInMemory()).isEqualTo(1);
        assertThat(stays.left).isZero();
        assertThat(leaves.left).isEqualTo(1);
    }

    @Test
    void shouldNotArmWhileThereIsWorkAlsoWhenLookingHasNotPaid() throws Exception {
        Source busy = new Source();
        Source quiet = new Source();
        polling.watched().add(quiet);
        polling.watched().add(busy);
        busy.left = 100;
        for (int i = 0; i < 100; i++) {
            assertThat(sleepsFor(1_000_000)).isFalse();
            assertThat(polling.workInMemory()).isEqualTo(1);
        }
        assertThat(busy.armed + quiet.armed).isZero();
    }

    @Test
    void shouldGoOnWithoutSourceThatHasDefect() throws Exception {
        Source sound = new Source();
        Source broken = new Source();
        broken.defect = new IllegalStateException("a defect of the test's");
        polling.watched().add(sound);
        polling.watched().add(broken);
        sound.left = 2;
        broken.left = 2;
        assertThat(polling.workInMemory()).isEqualTo(2);
        assertThat(polling.workInMemory()).isEqualTo(1);
        assertThat(sleepsFor(1_000_000)).isTrue();
        assertThat(broken.armed).isZero();
    }

    /** A source with so many pieces of work, or with work from some time on. */
    private final class Source implements MemorySource {
        private int left;
        private int armed;
        private long workNs;
        private long workAtNs = Long.MAX_VALUE;
        private boolean ends;
        private RuntimeException defect;

        @Override
        public boolean hasWork() {
            return left > 0 || clock.nowNs >= workAtNs;
        }

        @Override
        public void work() {
            left--;
            clock.nowNs += workNs;
            if (defect != null) {
                throw defect;
            }
            if (ends) {
                polling.watched().remove(this);
            }
        }

        @Override
        public boolean arm() {
            armed++;
            return hasWork();
        }
    }

    private static final class FakeClock implements Clock {
        private long nowNs;

        @Override
        public long nowNs() {
            return nowNs;
        }

        @Override
        public long wallMs() {
            throw new AssertionError("the wall clock is for people");
        }
    }
}
