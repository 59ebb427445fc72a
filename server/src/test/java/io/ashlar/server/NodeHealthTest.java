package io.ashlar.server;

import static org.assertj.core.api.Assertions.assertThat;

import io.ashlar.base.net.EpollLoops;
import io.ashlar.base.time.Clock;
import io.ashlar.server.http.HttpEndpoint;
import java.util.ArrayDeque;
import java.util.Collections;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** What a probe is told of a node whose loops, registry or disk are not well. */
class NodeHealthTest {
    private static final HttpEndpoint.Health WELL = new HttpEndpoint.Health(true, "ok");

    private final EpollLoops loops = EpollLoops.floating("data", 2);
    private final Queue<Runnable> registry = new ArrayDeque<>();
    private final AtomicLong skippedNs = new AtomicLong();
    private final Clock clock = new Clock() {
        @Override
        public long nowNs() {
            return Clock.SYSTEM.nowNs() + skippedNs.get();
        }

        @Override
        public long wallMs() {
            throw new AssertionError("the wall clock is no measure of time");
        }
    };

    private String diskAilment = "";
    private List<String> volumeAilments = List.of();

    @AfterEach
    void endLoops() {
        loops.close();
    }

    private NodeHealth withRegistryThatAnswers() {
        return new NodeHealth(clock, loops.all(), Runnable::run, () -> diskAilment, () -> volumeAilments);
    }

    @Test
    void shouldBeWellWhenEveryLoopAnswers() {
        NodeHealth health = withRegistryThatAnswers();
        assertThat(health.look()).isEqualTo(WELL);
        assertThat(health.look()).isEqualTo(WELL);
    }

    @Test
    void shouldNameTheLoopThatDoesNotAnswerAndBeWellWhenItDoesAgain() throws InterruptedException {
        NodeHealth health = withRegistryThatAnswers();
        CountDownLatch stuck = new CountDownLatch(1);
        CountDownLatch released = new CountDownLatch(1);
        loops.all().get(1).execute(() -> {
            stuck.countDown();
            awaitQuietly(released);
        });
        stuck.await();
        assertThat(health.look().text()).isEqualTo("loop data-1 has not answered for 2 s");
        skippedNs.addAndGet(TimeUnit.MINUTES.toNanos(1));
        assertThat(health.look().text()).as("the first question is still open").matches("loop data-1 .* for 6[2-9] s");
        released.countDown();
        assertThat(health.look()).isEqualTo(WELL);
    }

    @Test
    void shouldBePatientWithARegistryThatWaitsForTheDiskButNotForEver() {
        NodeHealth health = new NodeHealth(clock, loops.all(), registry::add, () -> diskAilment, () -> volumeAilments);
        assertThat(health.look()).isEqualTo(WELL);
        skippedNs.addAndGet(TimeUnit.MINUTES.toNanos(1));
        assertThat(health.look().text()).startsWith("the registry has not answered for 6");
        assertThat(registry).as("questions under way").hasSize(1);
        registry.remove().run();
        diskAilment = "a sync has failed";
        assertThat(health.look().text()).isEqualTo("a sync has failed");
    }

    @Test
    void shouldNotBeWellWhenALoopHasEnded() {
        NodeHealth health = withRegistryThatAnswers();
        loops.close();
        assertThat(health.look().text()).startsWith("loop data-0 has not answered");
    }

    @Test
    void shouldServeAndNameTheVolumesThatAreNotWell() {
        NodeHealth health = withRegistryThatAnswers();
        volumeAilments = List.of("volume a: can't be opened", "volume b: can't be written");
        assertThat(health.look())
                .isEqualTo(new HttpEndpoint.Health(
                        true, "degraded\nvolume a: can't be opened\nvolume b: can't be written"));
        diskAilment = "can't tell how full the node is";
        assertThat(health.look().serves()).isFalse();
        assertThat(health.look().text()).startsWith(diskAilment + "\nvolume a: ");
    }

    @Test
    void shouldOnlyCountVolumesBehindTheHundredth() {
        NodeHealth health = withRegistryThatAnswers();
        volumeAilments = Collections.nCopies(104, "volume a: can't be opened");
        assertThat(health.look().text().lines()).hasSize(1 + 100 + 1).endsWith("and 4 more");
    }

    private static void awaitQuietly(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
