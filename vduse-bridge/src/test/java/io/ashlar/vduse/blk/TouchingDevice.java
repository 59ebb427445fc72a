package io.ashlar.vduse.blk;

import io.ashlar.base.block.BlockDevice;
import io.ashlar.base.block.BlockGeometry;
import io.ashlar.base.block.BlockQueue;
import io.ashlar.base.block.BlockRequest;
import io.ashlar.base.block.RequestList;
import io.ashlar.base.loop.Loop;
import io.ashlar.base.status.Status;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;

/**
 * Stores nothing, but touches every byte of every request's memory, and takes no invalid request. Completes at once or, if asked
 * to, at the end of the batch.
 */
final class TouchingDevice implements BlockDevice, BlockQueue {
    private final BlockGeometry geometry;
    private ByteBuf scratch = Unpooled.wrappedBuffer(new byte[4096]);
    private final RequestList waiting = new RequestList();
    private boolean waits;
    private long requestCount;

    TouchingDevice(BlockGeometry geometry) {
        this.geometry = geometry;
    }

    long requestCount() {
        return requestCount;
    }

    /** Sets whether completions wait for the end of the batch. */
    void setWaits(boolean newWaits) {
        waits = newWaits;
    }

    @Override
    public void submit(BlockRequest request) {
        if (waits) {
            waiting.add(request);
        } else {
            serve(request);
        }
    }

    @Override
    public void endBatch() {
        while (!waiting.isEmpty()) {
            serve(waiting.poll());
        }
    }

    private void serve(BlockRequest request) {
        requestCount++;
        if (geometry.validate(request) != Status.OK) {
            throw new AssertionError("not validated: " + request.operation());
        }
        int length = (int) request.lengthBytes();
        switch (request.operation()) {
            case READ -> request.data().zero(0, length);
            case WRITE -> {
                if (scratch.capacity() < length) {
                    scratch = Unpooled.wrappedBuffer(new byte[length]);
                }
                request.data().copyOut(0, scratch, 0, length);
            }
            default -> {
                // No memory.
            }
        }
        request.complete(Status.OK);
    }

    @Override
    public BlockGeometry geometry() {
        return geometry;
    }

    @Override
    public BlockQueue openQueue(Loop loop, Runnable completionsEnded) {
        return this;
    }

    @Override
    public void onGeometryChange(Runnable listener) {
        // Never changes.
    }

    @Override
    public void close() {
        // Nothing to end.
    }
}
