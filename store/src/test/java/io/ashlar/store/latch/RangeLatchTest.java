package io.ashlar.store.latch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class RangeLatchTest {
    private final RangeLatch latch = new RangeLatch(256);
    private final List<String> told = new ArrayList<>();

    private final class Claim extends RangeClaim {
        private final String name;

        Claim(String name, long first, long end, boolean exclusive) {
            this.name = name;
            set(first, end, exclusive);
        }

        @Override
        protected void onGranted() {
            told.add(name);
        }

        @Override
        protected void onReleased() {
            told.add("released " + name);
        }
    }

    @Test
    void shouldShareBlocksAmongReadersAndKeepWritersApart() {
        Claim reader = new Claim("reader", 0, 8, false);
        Claim other = new Claim("other", 4, 12, false);
        Claim writer = new Claim("writer", 7, 9, true);
        Claim elsewhere = new Claim("elsewhere", 12, 20, true);
        assertThat(latch.claim(reader)).isTrue();
        assertThat(latch.claim(other)).isTrue();
        assertThat(latch.claim(writer)).isFalse();
        assertThat(latch.claim(elsewhere)).isTrue();
        assertThat(latch.release(reader)).isTrue();
        assertThat(told).isEmpty();
        assertThat(latch.release(other)).isTrue();
        assertThat(told).containsExactly("writer");
    }

    @Test
    void shouldKeepTheOrderOfArrivalWhenReadersComeAfterAWaitingWriter() {
        Claim first = new Claim("first", 0, 4, false);
        Claim writer = new Claim("writer", 0, 4, true);
        Claim late = new Claim("late", 3, 4, false);
        latch.claim(first);
        latch.claim(writer);
        assertThat(latch.claim(late)).as("may not overtake the writer").isFalse();
        latch.release(first);
        latch.release(writer);
        assertThat(told).containsExactly("writer", "late");
    }

    @Test
    void shouldLeaveNoTraceWhenATriedClaimFails() {
        Claim writer = new Claim("writer", 0, 4, true);
        Claim tried = new Claim("tried", 0, 256, true);
        latch.claim(writer);
        assertThat(latch.tryClaim(tried)).isFalse();
        latch.release(writer);
        assertThat(latch.tryClaim(tried)).isTrue();
        latch.release(tried);
        assertThat(told).isEmpty();
    }

    @Test
    void shouldRefuseAClaimThatCrossesARegion() {
        assertThatThrownBy(() -> latch.claim(new Claim("wide", 255, 257, true)))
                .isInstanceOf(IllegalArgumentException.class);
    }

    /** A claim that a thread waits for, which only a test does. */
    private static final class Awaited extends RangeClaim {
        private final Semaphore signal = new Semaphore(0);

        @Override
        protected void onGranted() {
            signal.release();
        }

        @Override
        protected void onReleased() {
            signal.release();
        }
    }

    @Test
    void shouldExcludeWritersFromOverlapsWhenThreadsRace() throws Exception {
        int threads = 4;
        int[] counters = new int[64];
        int[] expected = new int[64];
        ExecutorService pool = Executors.newFixedThreadPool(threads);
        CountDownLatch start = new CountDownLatch(1);
        List<Future<int[]>> runs = new ArrayList<>();
        for (int t = 0; t < threads; t++) {
            int seed = t;
            runs.add(pool.submit(() -> {
                start.await();
                return race(new Random(seed), counters);
            }));
        }
        start.countDown();
        for (Future<int[]> run : runs) {
            int[] added = run.get(60, TimeUnit.SECONDS);
            for (int i = 0; i < expected.length; i++) {
                expected[i] += added[i];
            }
        }
        pool.shutdown();
        assertThat(counters).as("plain increments under claims, none lost").isEqualTo(expected);
    }

    private int[] race(Random random, int[] counters) throws InterruptedException {
        int[] added = new int[counters.length];
        Awaited claim = new Awaited();
        for (int i = 0; i < 50_000; i++) {
            int first = random.nextInt(counters.length);
            int end = first + 1 + random.nextInt(Math.min(4, counters.length - first));
            boolean exclusive = random.nextInt(4) > 0;
            claim.set(first, end, exclusive);
            if (!latch.claim(claim)) {
                claim.signal.acquire();
            }
            for (int block = first; exclusive && block < end; block++) {
                counters[block]++;
                added[block]++;
            }
            if (!latch.release(claim)) {
                claim.signal.acquire();
            }
        }
        return added;
    }
}
