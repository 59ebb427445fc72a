package io.ashlar.client.load;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.block.BlockDevice;
import io.ashlar.base.block.BlockQueue;
import io.ashlar.base.block.BlockRequest;
import io.ashlar.base.block.Operation;
import io.ashlar.base.block.RegionSplitter;
import io.ashlar.base.block.RequestList;
import io.ashlar.base.block.ScatterList;
import io.ashlar.base.loop.Loop;
import io.ashlar.base.status.Status;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.PooledByteBufAllocator;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicLong;
import org.HdrHistogram.Histogram;

/** The load of one loop: keeps {@code depth} requests in flight until the time is over. Nothing is allocated per request. */
@ConfinedTo(LoopKind.DATA)
final class LoadWorker {
    /** Latencies up to a minute, with three digits. */
    private static final long LATENCY_NS_MAX = 60_000_000_000L;

    private static final int DIGITS = 3;
    /** A volume that has ended fails everything at once: no use in going on. */
    private static final long ERRORS_MAX = 1000;

    private final LoadOptions options;
    private final Loop loop;
    private final BlockQueue queue;
    private final ByteBuf memory;
    private final RequestList idle = new RequestList();
    private final long firstUnit;
    private final long units;
    private final Histogram reads = new Histogram(LATENCY_NS_MAX, DIGITS);
    private final Histogram writes = new Histogram(LATENCY_NS_MAX, DIGITS);
    private final CompletableFuture<LoadWorker> over = new CompletableFuture<>();
    private final AtomicLong completed = new AtomicLong();
    private long endNs;
    private long nextUnit;
    private long random;
    private int inFlight;
    private boolean submitting;
    private long errors;
    private Status firstError = Status.OK;

    /** Creates the worker of share {@code index} of {@code count}, on its loop. */
    LoadWorker(BlockDevice device, Loop loop, LoadOptions options, int index, int count) {
        this.options = options;
        this.loop = loop;
        units = Math.max(1, device.geometry().sizeBytes() / options.requestBytes() / count);
        firstUnit = units * index;
        random = options.seed() * 0x9E3779B97F4A7C15L + index + 1;
        queue = new RegionSplitter(device.openQueue(loop, this::submitIdle), 64, 8);
        memory = PooledByteBufAllocator.DEFAULT.directBuffer(options.depth() * options.requestBytes());
        memory.writerIndex(memory.capacity());
        for (int i = 0; i + 8 <= memory.capacity(); i += 8) {
            memory.setLong(i, nextRandom());
        }
        for (int i = 0; i < options.depth(); i++) {
            idle.add(new LoadRequest(i * options.requestBytes()));
        }
    }

    void start() {
        endNs = loop.clock().nowNs() + options.durationMs() * 1_000_000;
        submitIdle();
    }

    CompletableFuture<LoadWorker> over() {
        return over;
    }

    /** Returns how many requests have been completed; any thread may ask. */
    long completed() {
        return completed.getOpaque();
    }

    Histogram reads() {
        return reads;
    }

    Histogram writes() {
        return writes;
    }

    long errors() {
        return errors;
    }

    Status firstError() {
        return firstError;
    }

    private void submitIdle() {
        if (submitting) {
            return; // completed inside submit: the loop below takes it up
        }
        submitting = true;
        long nowNs = loop.clock().nowNs();
        while (!idle.isEmpty() && nowNs - endNs < 0 && errors < ERRORS_MAX) {
            LoadRequest request = (LoadRequest) idle.poll();
            request.prepare();
            inFlight++;
            nowNs = loop.clock().nowNs();
            request.startNs = nowNs;
            queue.submit(request);
        }
        queue.endBatch();
        submitting = false;
        if (inFlight == 0 && !over.isDone()) {
            queue.close();
            memory.release();
            over.complete(this);
        }
    }

    /** Xorshift (Marsaglia 2003): good enough for offsets. */
    private long nextRandom() {
        random ^= random << 13;
        random ^= random >>> 7;
        random ^= random << 17;
        return random;
    }

    private long nextOffset() {
        long unit;
        if (options.random()) {
            unit = Long.remainderUnsigned(nextRandom(), units);
        } else {
            unit = nextUnit;
            nextUnit = (nextUnit + 1) % units;
        }
        return (firstUnit + unit) * options.requestBytes();
    }

    private final class LoadRequest extends BlockRequest {
        private final ScatterList list = new ScatterList(1);
        private long startNs;

        LoadRequest(int start) {
            list.add(memory, start, options.requestBytes());
        }

        void prepare() {
            boolean read = Long.remainderUnsigned(nextRandom(), 100) < options.readPercent();
            setData(read ? Operation.READ : Operation.WRITE, nextOffset(), list, 0);
        }

        @Override
        protected void onComplete(Status status) {
            inFlight--;
            if (status.isOk()) {
                long latencyNs = Math.min(loop.clock().nowNs() - startNs, LATENCY_NS_MAX);
                (operation() == Operation.READ ? reads : writes).recordValue(latencyNs);
                completed.setOpaque(completed.getPlain() + 1);
            } else {
                errors++;
                firstError = firstError.isOk() ? status : firstError;
            }
            idle.add(this);
        }
    }
}
