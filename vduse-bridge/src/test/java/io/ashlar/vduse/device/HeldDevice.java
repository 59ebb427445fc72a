package io.ashlar.vduse.device;

import io.ashlar.base.block.BlockDevice;
import io.ashlar.base.block.BlockGeometry;
import io.ashlar.base.block.BlockQueue;
import io.ashlar.base.block.BlockRequest;
import io.ashlar.base.block.Operation;
import io.ashlar.base.loop.Loop;
import io.ashlar.base.status.Status;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;

/**
 * A volume in memory that can hold its requests back, as one whose node is away does: closing a queue ends none of them. Their
 * memory is read and written when they are let go.
 */
public final class HeldDevice implements BlockDevice {
    private final ByteBuf bytes;
    private final List<Runnable> listeners = new ArrayList<>();
    private final List<Held> held = new ArrayList<>();
    /** The name of the loop of each request, as it comes. */
    public final BlockingQueue<String> arrivals = new LinkedBlockingQueue<>();

    private volatile BlockGeometry geometry;
    private volatile boolean holding;
    private volatile boolean endsOnClose;
    private volatile Runnable whenClosed = () -> {};

    private record Held(Queue queue, BlockRequest request) {}

    public HeldDevice(long sizeBytes) {
        geometry = new BlockGeometry(sizeBytes, 512, false);
        bytes = Unpooled.buffer((int) sizeBytes).writeZero((int) sizeBytes);
    }

    public ByteBuf bytes() {
        return bytes;
    }

    public void hold() {
        holding = true;
    }

    /** From now on closing a queue ends its requests with an error, as a client does once that is safe. */
    public void endOnClose() {
        endsOnClose = true;
    }

    /** Has a task run whenever the device is closed. */
    public void whenClosed(Runnable task) {
        whenClosed = task;
    }

    /** Lets everything held go, on the loops it came from. */
    public synchronized void letGo() {
        holding = false;
        held.forEach(each -> each.queue.end(each.request, true));
        held.clear();
    }

    /** Ends everything held with an error, on the loops it came from. */
    public synchronized void failHeld() {
        held.forEach(each -> each.queue.end(each.request, false));
        held.clear();
    }

    public void grow(long sizeBytes) {
        geometry = geometry.withSizeBytes(sizeBytes);
        listeners.forEach(Runnable::run);
    }

    @Override
    public BlockGeometry geometry() {
        return geometry;
    }

    @Override
    public BlockQueue openQueue(Loop loop, Runnable completionsEnded) {
        return new Queue(loop, completionsEnded);
    }

    @Override
    public void onGeometryChange(Runnable listener) {
        listeners.add(listener);
    }

    @Override
    public void close() {
        whenClosed.run();
    }

    private final class Queue implements BlockQueue {
        private final Loop loop;
        private final Runnable completionsEnded;
        private final List<BlockRequest> waiting = new ArrayList<>();

        private Queue(Loop loop, Runnable completionsEnded) {
            this.loop = loop;
            this.completionsEnded = completionsEnded;
        }

        @Override
        public void submit(BlockRequest request) {
            if (!keep(request)) {
                apply(request);
            }
            arrivals.add(loop.name());
        }

        /** Asks and keeps in one step: a request kept after the others were let go would stay for ever. */
        private boolean keep(BlockRequest request) {
            synchronized (HeldDevice.this) {
                boolean kept = holding;
                if (kept) {
                    waiting.add(request);
                    held.add(new Held(this, request));
                }
                return kept;
            }
        }

        private void end(BlockRequest request, boolean well) {
            loop.execute(() -> {
                if (!waiting.remove(request)) {
                    return;
                }
                if (well) {
                    apply(request);
                } else {
                    request.complete(Status.IO_ERROR);
                }
                completionsEnded.run();
            });
        }

        private void apply(BlockRequest request) {
            int offset = (int) request.offsetBytes();
            int length = (int) request.lengthBytes();
            synchronized (bytes) {
                if (request.operation() == Operation.READ) {
                    request.data().copyIn(0, bytes, offset, length);
                } else if (request.operation() == Operation.WRITE) {
                    request.data().copyOut(0, bytes, offset, length);
                }
            }
            request.complete(Status.OK);
        }

        @Override
        public void endBatch() {}

        @Override
        public void close() {
            if (endsOnClose) {
                synchronized (HeldDevice.this) {
                    held.removeIf(each -> each.queue == this);
                }
                List<BlockRequest> ending = List.copyOf(waiting);
                waiting.clear();
                ending.forEach(request -> request.complete(Status.IO_ERROR));
            }
        }
    }
}
