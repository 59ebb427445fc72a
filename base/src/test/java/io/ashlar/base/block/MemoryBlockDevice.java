package io.ashlar.base.block;

import io.ashlar.base.loop.Loop;
import io.ashlar.base.status.Status;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.util.ArrayList;
import java.util.List;

/** A volume in an array, for tests: completes at once, validates like the first layer, counts what it was asked. */
public class MemoryBlockDevice implements BlockDevice {
    private final ByteBuf bytes;
    private final List<Runnable> listeners = new ArrayList<>();
    private volatile BlockGeometry geometry;
    private Status failure = Status.OK;

    /** Creates a volume of zeroes; at most 1 GiB. */
    public MemoryBlockDevice(BlockGeometry geometry) {
        this.geometry = geometry;
        int size = Math.toIntExact(geometry.sizeBytes());
        bytes = Unpooled.directBuffer(size, Integer.MAX_VALUE).writeZero(size);
    }

    /** Returns the volume's contents, for looking. */
    public ByteBuf bytes() {
        return bytes;
    }

    /** Makes every further request end with this status; OK ends that. */
    public void failWith(Status status) {
        failure = status;
    }

    /** Grows the volume and tells the listeners. */
    public synchronized void resize(long sizeBytes) {
        bytes.writeZero(Math.toIntExact(sizeBytes - geometry.sizeBytes()));
        geometry = geometry.withSizeBytes(sizeBytes);
        listeners.forEach(Runnable::run);
    }

    @Override
    public BlockGeometry geometry() {
        return geometry;
    }

    @Override
    public BlockQueue openQueue(Loop loop, Runnable completionsEnded) {
        return new Queue();
    }

    @Override
    public synchronized void onGeometryChange(Runnable listener) {
        listeners.add(listener);
    }

    @Override
    public void close() {
        bytes.release();
    }

    private synchronized Status apply(BlockRequest request) {
        Status status = geometry.validate(request);
        if (!status.isOk() || !failure.isOk()) {
            return status.isOk() ? failure : status;
        }
        int offset = (int) request.offsetBytes();
        int length = (int) request.lengthBytes();
        switch (request.operation()) {
            case READ -> request.data().copyIn(0, bytes, offset, length);
            case WRITE -> request.data().copyOut(0, bytes, offset, length);
            case WRITE_ZEROES -> bytes.setZero(offset, length);
            case DISCARD -> {
                long from = BlockGeometry.blockCeiling(offset);
                long to = BlockGeometry.blockFloor(request.endBytes());
                if (from < to) {
                    bytes.setZero((int) from, (int) (to - from));
                }
            }
            case FLUSH -> {}
        }
        return Status.OK;
    }

    private final class Queue implements BlockQueue {
        @Override
        public void submit(BlockRequest request) {
            request.complete(apply(request));
        }

        @Override
        public void endBatch() {}

        @Override
        public void close() {}
    }
}
