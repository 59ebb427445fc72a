package io.ashlar.client.fake;

import io.ashlar.base.block.BlockQueue;
import io.ashlar.base.block.BlockRuns;
import io.ashlar.base.block.TestRequest;
import io.ashlar.base.net.EpollLoop;
import io.ashlar.base.net.EpollLoops;
import io.ashlar.base.status.Status;
import io.ashlar.client.session.SessionConfig;
import io.ashlar.client.volume.AccessMode;
import io.ashlar.client.volume.AttachException;
import io.ashlar.client.volume.RemoteVolume;
import io.ashlar.client.volume.VolumeOptions;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;

/** A volume of a {@link FakeNode}, attached on loops of its own; what a test needs to drive it from outside the loops. */
public final class Attached implements AutoCloseable {
    private static final long PATIENCE_NS = 20_000_000_000L;

    public final FakeNode node;
    public final RemoteVolume volume;
    private final EpollLoops loops = EpollLoops.floating("attached", 2);
    private final List<BlockQueue> queues = new ArrayList<>();

    public Attached(FakeNode node) throws AttachException {
        this(node, options -> options);
    }

    public Attached(FakeNode node, UnaryOperator<VolumeOptions> change) throws AttachException {
        this.node = node;
        volume = RemoteVolume.open(change.apply(options(node)), loops.all().get(0));
        for (int i = 0; i < 2; i++) {
            EpollLoop loop = loops.all().get(i);
            queues.add(on(i, () -> volume.openQueue(loop, () -> {})));
        }
        until(() -> volume.counters().connected() == 2);
    }

    /** Options with short timeouts, so that tests are. */
    public static VolumeOptions options(FakeNode node) {
        SessionConfig session = new SessionConfig(node.address(), "host", 2000, 100, 400, 5, 20);
        return VolumeOptions.of(session, FakeNode.VOLUME, AccessMode.READ_WRITE);
    }

    /** Runs something on a loop and returns what it returned. */
    public <T> T on(int loop, Supplier<T> work) {
        return CompletableFuture.supplyAsync(work, loops.all().get(loop)::execute)
                .orTimeout(20, TimeUnit.SECONDS)
                .join();
    }

    /** Asks what a range holds; on the loop. */
    public void ask(int loop, long offset, long length, BlockRuns runs, BlockRuns.Listener listener) {
        volume.blockStatus(offset, length, runs, loops.all().get(loop), listener);
    }

    /** Submits requests on a loop as one batch. */
    public void submit(int loop, TestRequest... requests) {
        on(loop, () -> {
            for (TestRequest request : requests) {
                queues.get(loop).submit(request);
            }
            queues.get(loop).endBatch();
            return null;
        });
    }

    /** Closes a queue, on its loop. */
    public void closeQueue(int loop) {
        on(loop, () -> {
            queues.get(loop).close();
            return null;
        });
    }

    /** Waits for a request's outcome. */
    public static Status await(TestRequest request) {
        until(() -> request.status() != null);
        return request.status();
    }

    /** Submits one request and waits for its outcome. */
    public Status run(int loop, TestRequest request) {
        submit(loop, request);
        return await(request);
    }

    /** Waits until something holds; fails when it does not come to hold. */
    public static void until(BooleanSupplier condition) {
        long start = System.nanoTime();
        while (!condition.getAsBoolean()) {
            if (System.nanoTime() - start > PATIENCE_NS) {
                throw new AssertionError("did not come to hold");
            }
            try {
                Thread.sleep(1);
            } catch (InterruptedException e) {
                throw new AssertionError(e);
            }
        }
    }

    @Override
    public void close() {
        closeQueue(0);
        closeQueue(1);
        volume.close();
        loops.close();
    }
}
