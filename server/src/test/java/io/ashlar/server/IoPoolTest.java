package io.ashlar.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

class IoPoolTest {
    private final AtomicInteger done = new AtomicInteger();

    @Test
    void shouldRunTasksSideBySideAndAllOfThemBeforeItEnds() throws Exception {
        CountDownLatch together = new CountDownLatch(4);
        IoPool pool = new IoPool(4);
        for (int i = 0; i < 4; i++) {
            pool.execute(() -> {
                together.countDown();
                try {
                    assertThat(together.await(20, TimeUnit.SECONDS)).isTrue();
                    done.incrementAndGet();
                } catch (InterruptedException e) {
                    throw new AssertionError(e);
                }
            });
        }
        for (int i = 0; i < 10_000; i++) {
            pool.execute(done::incrementAndGet);
        }
        pool.close();
        assertThat(done).hasValue(10_004);
        assertThatThrownBy(() -> pool.execute(done::incrementAndGet)).isInstanceOf(RejectedExecutionException.class);
    }

    @Test
    void shouldGoOnWhenATaskHasADefect() {
        try (IoPool pool = new IoPool(1)) {
            pool.execute(() -> {
                throw new IllegalStateException("on purpose");
            });
            pool.execute(done::incrementAndGet);
        }
        assertThat(done).hasValue(1);
    }
}
