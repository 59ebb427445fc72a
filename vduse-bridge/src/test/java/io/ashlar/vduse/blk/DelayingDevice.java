package io.ashlar.vduse.blk;

import io.ashlar.base.block.BlockDevice;
import io.ashlar.base.block.BlockGeometry;
import io.ashlar.base.block.BlockQueue;
import io.ashlar.base.block.BlockRequest;
import io.ashlar.base.block.Operation;
import io.ashlar.base.loop.Loop;
import io.ashlar.base.status.Status;
import io.netty.buffer.Unpooled;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;

/**
 * A volume in an array that serves requests in the order of submission but completes them when the test says so, in any order.
 * Reads fill the request's memory only when they complete.
 */
final class DelayingDevice implements BlockDevice {
    /** A request that has been served but not completed. */
    @SuppressWarnings("ArrayRecordComponent") // never compared
    private record Pending(BlockRequest request, byte[] read) {}

    final byte[] content;
    private final BlockGeometry geometry;
    private final Random random;
    private final int atOncePercent;
    private final List<Pending> pending = new ArrayList<>();
    private Runnable completionsEnded;
    private Status next = Status.OK;
    private boolean batchOpen;
    private boolean closed;

    DelayingDevice(BlockGeometry geometry, Random random, int atOncePercent) {
        this.geometry = geometry;
        this.random = random;
        this.atOncePercent = atOncePercent;
        content = new byte[(int) geometry.sizeBytes()];
    }

    int pendingCount() {
        return pending.size();
    }

    boolean closed() {
        return closed;
    }

    /** Makes the following requests fail. */
    void failWith(Status status) {
        next = status;
    }

    /** Completes up to {@code countMax} requests in random order, as one batch. */
    void complete(int countMax) {
        int count = Math.min(countMax, pending.size());
        for (int i = 0; i < count; i++) {
            finish(pending.remove(random.nextInt(pending.size())));
        }
        if (count > 0) {
            completionsEnded.run();
        }
    }

    private void finish(Pending done) {
        if (done.read != null && next.isOk()) {
            done.request.data().copyIn(0, Unpooled.wrappedBuffer(done.read), 0, done.read.length);
        }
        done.request.complete(next);
    }

    private byte[] serve(BlockRequest request) {
        if (geometry.validate(request) != Status.OK) {
            throw new AssertionError("not validated: " + request.operation());
        }
        if (!next.isOk()) {
            return null;
        }
        int offset = (int) request.offsetBytes();
        int length = (int) request.lengthBytes();
        switch (request.operation()) {
            case READ -> {
                return Arrays.copyOfRange(content, offset, offset + length);
            }
            case WRITE -> request.data().copyOut(0, Unpooled.wrappedBuffer(content), offset, length);
            case WRITE_ZEROES -> Arrays.fill(content, offset, offset + length, (byte) 0);
            case DISCARD -> discard(offset, offset + length);
            case FLUSH -> {
                // Everything in memory is as durable as it gets.
            }
        }
        return null;
    }

    private void discard(int from, int to) {
        int first = (int) BlockGeometry.blockCeiling(from);
        int end = (int) BlockGeometry.blockFloor(to);
        if (first < end) {
            Arrays.fill(content, first, end, (byte) 0);
        }
    }

    @Override
    public BlockGeometry geometry() {
        return geometry;
    }

    @Override
    public BlockQueue openQueue(Loop loop, Runnable ended) {
        completionsEnded = ended;
        closed = false;
        next = Status.OK;
        return new Queue();
    }

    @Override
    public void onGeometryChange(Runnable listener) {
        // Never changes.
    }

    @Override
    public void close() {
        // Nothing to end.
    }

    /** Returns whether requests have been submitted without the end of their batch being said. */
    boolean batchOpen() {
        return batchOpen;
    }

    private final class Queue implements BlockQueue {
        @Override
        public void submit(BlockRequest request) {
            batchOpen = true;
            if (request.operation() == Operation.READ || request.operation() == Operation.WRITE) {
                if (request.data().lengthBytes() != request.lengthBytes()) {
                    throw new AssertionError("memory doesn't fit the range");
                }
            }
            Pending served = new Pending(request, serve(request));
            if (random.nextInt(100) < atOncePercent) {
                finish(served);
            } else {
                pending.add(served);
            }
        }

        @Override
        public void endBatch() {
            batchOpen = false;
            if (atOncePercent > 0 && random.nextInt(4) == 0) {
                complete(random.nextInt(4));
            }
        }

        @Override
        public void close() {
            closed = true;
            next = Status.UNAVAILABLE;
            complete(Integer.MAX_VALUE);
        }
    }
}
