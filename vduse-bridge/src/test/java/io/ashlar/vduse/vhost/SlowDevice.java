package io.ashlar.vduse.vhost;

import io.ashlar.base.block.BlockDevice;
import io.ashlar.base.block.BlockGeometry;
import io.ashlar.base.block.BlockQueue;
import io.ashlar.base.block.BlockRequest;
import io.ashlar.base.block.Operation;
import io.ashlar.base.checksum.Crc32c;
import io.ashlar.base.loop.Loop;
import io.ashlar.base.status.Status;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.util.Random;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * A volume in memory that ends requests after a while, in any order, or not before it is let go: their memory is read, with the
 * machine's checksum instructions as for a node, when they come and again when they end.
 */
final class SlowDevice implements BlockDevice {
    private static final int DELAY_NS_MAX = 2_000_000;

    private final BlockGeometry geometry;
    private final ByteBuf bytes;
    private final AtomicInteger inFlight = new AtomicInteger();
    private volatile boolean holding;

    SlowDevice(int sizeBytes) {
        geometry = new BlockGeometry(sizeBytes, 512, false);
        bytes = Unpooled.buffer(sizeBytes).writeZero(sizeBytes);
    }

    /** Returns how many requests have come and not ended. */
    int inFlight() {
        return inFlight.get();
    }

    void hold() {
        holding = true;
    }

    void letGo() {
        holding = false;
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
        // Never changes.
    }

    @Override
    public void close() {
        // Nothing to end.
    }

    private final class Queue implements BlockQueue {
        private final Loop loop;
        private final Runnable completionsEnded;
        private final Random random = new Random();
        private final Crc32c crc = new Crc32c();

        private Queue(Loop loop, Runnable completionsEnded) {
            this.loop = loop;
            this.completionsEnded = completionsEnded;
        }

        @Override
        public void submit(BlockRequest request) {
            inFlight.incrementAndGet();
            checksum(request);
            endLater(request);
        }

        private void checksum(BlockRequest request) {
            if (request.operation() == Operation.WRITE) {
                request.data().checksum(crc, 0, (int) request.lengthBytes());
            }
        }

        private void endLater(BlockRequest request) {
            loop.schedule(() -> end(request), random.nextInt(DELAY_NS_MAX));
        }

        private void end(BlockRequest request) {
            if (holding) {
                endLater(request);
                return;
            }
            checksum(request);
            int offset = (int) request.offsetBytes();
            int length = (int) request.lengthBytes();
            synchronized (bytes) {
                if (request.operation() == Operation.READ) {
                    request.data().copyIn(0, bytes, offset, length);
                } else {
                    request.data().copyOut(0, bytes, offset, length);
                }
            }
            inFlight.decrementAndGet();
            request.complete(Status.OK);
            completionsEnded.run();
        }

        @Override
        public void endBatch() {}

        @Override
        public void close() {}
    }
}
