package io.ashlar.client.load;

import io.ashlar.base.annotation.ThreadSafe;
import io.ashlar.base.block.BlockDevice;
import io.ashlar.base.loop.Loop;
import io.ashlar.base.status.Status;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.LongConsumer;
import org.HdrHistogram.Histogram;

/** Puts a volume under load from some loops and measures. Blocks its caller; not to be called on a loop. */
@ThreadSafe
public final class LoadGenerator {
    private static final long PROGRESS_INTERVAL_MS = 1000;

    private final BlockDevice device;
    private final List<? extends Loop> loops;
    private final LoadOptions options;

    /**
     * Creates a generator.
     *
     * @throws IllegalArgumentException when the volume does not hold one request per loop, or these are misaligned
     */
    public LoadGenerator(BlockDevice device, List<? extends Loop> loops, LoadOptions options) {
        if (options.requestBytes() % device.geometry().logicalBlockBytes() != 0) {
            throw new IllegalArgumentException("a request must be a multiple of "
                    + device.geometry().logicalBlockBytes() + " bytes, the volume's block size");
        }
        if (device.geometry().sizeBytes() / options.requestBytes() < loops.size()) {
            throw new IllegalArgumentException("the volume is too small for requests of this size");
        }
        this.device = device;
        this.loops = loops;
        this.options = options;
    }

    /**
     * Runs the load to its end.
     *
     * @param progress told once a second how many requests have been completed so far, on the caller's thread
     */
    public LoadReport run(LongConsumer progress) throws InterruptedException {
        List<LoadWorker> workers = new ArrayList<>();
        for (int i = 0; i < loops.size(); i++) {
            int index = i;
            Loop loop = loops.get(i);
            workers.add(await(CompletableFuture.supplyAsync(
                    () -> new LoadWorker(device, loop, options, index, loops.size()), loop::execute)));
        }
        long startNs = loops.get(0).clock().nowNs();
        for (int i = 0; i < workers.size(); i++) {
            loops.get(i).execute(workers.get(i)::start);
        }
        for (LoadWorker worker : workers) {
            awaitWithProgress(worker, workers, progress);
        }
        return report(workers, loops.get(0).clock().nowNs() - startNs);
    }

    private static void awaitWithProgress(LoadWorker worker, List<LoadWorker> all, LongConsumer progress)
            throws InterruptedException {
        while (true) {
            try {
                worker.over().get(PROGRESS_INTERVAL_MS, TimeUnit.MILLISECONDS);
                return;
            } catch (TimeoutException e) {
                progress.accept(all.stream().mapToLong(LoadWorker::completed).sum());
            } catch (ExecutionException e) {
                throw new IllegalStateException(e.getCause());
            }
        }
    }

    private static <T> T await(CompletableFuture<T> future) throws InterruptedException {
        try {
            return future.get();
        } catch (ExecutionException e) {
            throw new IllegalStateException(e.getCause());
        }
    }

    private LoadReport report(List<LoadWorker> workers, long elapsedNs) {
        Histogram reads = new Histogram(3);
        Histogram writes = new Histogram(3);
        long errors = 0;
        Status firstError = Status.OK;
        for (LoadWorker worker : workers) {
            reads.add(worker.reads());
            writes.add(worker.writes());
            errors += worker.errors();
            firstError = firstError.isOk() ? worker.firstError() : firstError;
        }
        return new LoadReport(
                elapsedNs,
                options.requestBytes(),
                LoadReport.Latencies.of(reads),
                LoadReport.Latencies.of(writes),
                errors,
                firstError);
    }
}
