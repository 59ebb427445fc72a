package io.ashlar.server;

import io.ashlar.base.annotation.ThreadSafe;
import io.ashlar.base.loop.Loop;
import io.ashlar.base.time.Clock;
import io.ashlar.server.http.HttpEndpoint;
import io.ashlar.server.registry.VolumeRegistry;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.Supplier;

/**
 * Whether the node is well: every loop works off what is posted to it, the registry too, and the disk answers; and which
 * volumes are not. It is found out when somebody asks, so that an idle node does nothing for it; of each thread only one question is
 * under way, however many ask.
 */
@ThreadSafe
final class NodeHealth {
    /** A loop that takes longer serves nobody: a pass of it takes milliseconds. Also what an answer may take in all. */
    private static final long LOOP_PATIENCE_MS = 2_000;
    /** The registry waits for the disk: deleting a volume of a thousand extents takes seconds. */
    private static final long REGISTRY_PATIENCE_MS = 60_000;

    /** Volumes that are named; the others are counted. */
    private static final int LINES_MAX = 100;

    private final Clock clock;
    private final List<Probe> probes = new ArrayList<>();
    private final Supplier<String> diskAilment;
    private final Supplier<List<String>> volumeAilments;

    NodeHealth(Clock clock, List<? extends Loop> loops, VolumeRegistry registry) {
        this(clock, loops, registry::look, registry::ailment, () -> registry.volumeAilments()
                .lines());
    }

    /**
     * Prepares the questions.
     *
     * @param look has the registry look at the disk, and run the task then
     * @param diskAilment what it has found
     * @param volumeAilments and of single volumes
     */
    NodeHealth(
            Clock clock,
            List<? extends Loop> loops,
            Consumer<Runnable> look,
            Supplier<String> diskAilment,
            Supplier<List<String>> volumeAilments) {
        this.clock = clock;
        this.diskAilment = diskAilment;
        this.volumeAilments = volumeAilments;
        for (Loop loop : loops) {
            probes.add(new Probe("loop " + loop.name(), loop::execute, LOOP_PATIENCE_MS));
        }
        probes.add(new Probe("the registry", look, REGISTRY_PATIENCE_MS));
    }

    /** Finds out how the node is; takes at most two seconds. Volumes that are not well are no reason not to serve. */
    HttpEndpoint.Health look() {
        String ailment = ailment();
        List<String> volumes = volumeAilments.get();
        if (volumes.isEmpty()) {
            return HttpEndpoint.Health.of(ailment);
        }
        StringBuilder text = new StringBuilder(ailment.isEmpty() ? "degraded" : ailment);
        volumes.stream().limit(LINES_MAX).forEach(line -> text.append('\n').append(line));
        if (volumes.size() > LINES_MAX) {
            text.append("\nand ").append(volumes.size() - LINES_MAX).append(" more");
        }
        return new HttpEndpoint.Health(ailment.isEmpty(), text.toString());
    }

    private String ailment() {
        CompletableFuture<?>[] answers = probes.stream().map(Probe::ask).toArray(CompletableFuture<?>[]::new);
        CompletableFuture<Void> all = CompletableFuture.allOf(answers);
        all.completeOnTimeout(null, LOOP_PATIENCE_MS, TimeUnit.MILLISECONDS).join();
        for (Probe probe : probes) {
            String ailment = probe.ailment();
            if (!ailment.isEmpty()) {
                return ailment;
            }
        }
        return diskAilment.get();
    }

    /** A question to one thread. */
    private final class Probe {
        private final String name;
        private final Consumer<Runnable> thread;
        private final long patienceNs;
        /** Guarded by this object, like the next field. */
        private CompletableFuture<Void> answer = CompletableFuture.completedFuture(null);

        private long askedNs;

        Probe(String name, Consumer<Runnable> thread, long patienceMs) {
            this.name = name;
            this.thread = thread;
            patienceNs = TimeUnit.MILLISECONDS.toNanos(patienceMs);
        }

        /** Asks, unless the last question is still unanswered. */
        synchronized CompletableFuture<Void> ask() {
            if (answer.isDone()) {
                CompletableFuture<Void> next = new CompletableFuture<>();
                answer = next;
                askedNs = clock.nowNs();
                try {
                    thread.accept(() -> next.complete(null));
                } catch (RejectedExecutionException e) {
                    return next; // it has ended: there will be no answer
                }
            }
            return answer;
        }

        synchronized String ailment() {
            long waitedNs = clock.nowNs() - askedNs;
            return answer.isDone() || waitedNs < patienceNs
                    ? ""
                    : name + " has not answered for " + TimeUnit.NANOSECONDS.toSeconds(waitedNs) + " s";
        }
    }
}
