package io.ashlar.vduse.vhost;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.ashlar.base.net.EpollLoop;
import io.ashlar.base.net.EpollLoops;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What waits for closes goes on after each of them, however it went. */
@Timeout(120)
class CloserTest {
    private final EpollLoops controls = EpollLoops.floating("control", 1);
    private final EpollLoop control = controls.all().get(0);

    @AfterEach
    void end() {
        controls.close();
    }

    private CompletableFuture<Void> close(Executor threads, Runnable task) {
        CompletableFuture<Void> idle = new CompletableFuture<>();
        control.execute(() -> {
            Closer closer = new Closer(control, threads);
            closer.close(task);
            closer.whenIdle(() -> idle.complete(null));
        });
        return idle;
    }

    @Test
    void shouldTryAgainWhenThereIsNoThreadToBeHad() throws Exception {
        List<String> events = new ArrayList<>(); // the control loop's
        Executor threads = task -> {
            if (events.isEmpty()) {
                events.add("refused");
                throw new OutOfMemoryError("unable to create native thread");
            }
            task.run();
        };
        close(threads, () -> events.add("closed")).get(60, TimeUnit.SECONDS);
        assertThat(events).containsExactly("refused", "closed");
    }

    @Test
    void shouldGoOnAfterACloseThatFails() throws Exception {
        CountDownLatch failed = new CountDownLatch(1);
        Executor threads = task -> {
            assertThatThrownBy(task::run).hasMessage("no such file");
            failed.countDown();
        };
        CompletableFuture<Void> idle = close(threads, () -> {
            throw new IllegalStateException("no such file");
        });
        assertThat(failed.await(60, TimeUnit.SECONDS)).isTrue();
        idle.get(60, TimeUnit.SECONDS);
    }
}
