package io.ashlar.base.block;

import io.ashlar.base.annotation.ThreadSafe;
import io.ashlar.base.loop.Loop;
import io.ashlar.base.status.Status;

/**
 * A volume that is nowhere: completes every request at once inside {@code submit}, stores nothing and leaves the memory of a
 * read as it is. For measuring what lies above it.
 */
@ThreadSafe
public final class NullBlockDevice implements BlockDevice {
    private final BlockGeometry geometry;

    /** Creates the device. */
    public NullBlockDevice(BlockGeometry geometry) {
        this.geometry = geometry;
    }

    @Override
    public BlockGeometry geometry() {
        return geometry;
    }

    @Override
    public BlockQueue openQueue(Loop loop, Runnable completionsEnded) {
        return NullQueue.INSTANCE;
    }

    @Override
    public void onGeometryChange(Runnable listener) {
        // The geometry never changes.
    }

    @Override
    public void close() {
        // There is nothing to end.
    }

    private enum NullQueue implements BlockQueue {
        INSTANCE;

        @Override
        public void submit(BlockRequest request) {
            request.complete(Status.OK);
        }

        @Override
        public void endBatch() {
            // Everything is complete already.
        }

        @Override
        public void close() {
            // Nothing is in flight.
        }
    }
}
