package io.ashlar.server;

import io.ashlar.base.block.BlockDevice;
import io.ashlar.base.block.BlockGeometry;
import io.ashlar.base.block.BlockQueue;
import io.ashlar.base.block.BlockRequest;
import io.ashlar.base.block.ChecksumList;
import io.ashlar.base.block.Operation;
import io.ashlar.base.checksum.Crc32c;
import io.ashlar.base.loop.Loop;
import io.ashlar.base.status.Status;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.util.ArrayList;
import java.util.List;

/**
 * A volume in memory with the store's rules about checksums. Completes at once, or, while it is held, only when it is let
 * go, as a store does whose disk is slow.
 */
public final class TestVolume implements BlockDevice {
    private final ByteBuf bytes;
    private final Crc32c crc = new Crc32c();
    private final List<Held> held = new ArrayList<>();
    private volatile BlockGeometry geometry;
    private boolean holding;
    private int submitted;
    private int openQueues;

    private record Held(TestQueue queue, BlockRequest request) {}

    /** Creates a volume of zeroes. */
    public TestVolume(BlockGeometry geometry) {
        this.geometry = geometry;
        int size = (int) BlockGeometry.blockCeiling(geometry.sizeBytes());
        bytes = Unpooled.directBuffer(size, Integer.MAX_VALUE).writeZero(size);
    }

    /** From now on requests wait. */
    public synchronized void hold() {
        holding = true;
    }

    /** Requests end at once again, and those that waited end on their loops. */
    public synchronized void letGo() {
        holding = false;
        for (Held one : held) {
            one.queue.loop.execute(() -> {
                one.request.complete(apply(one.request));
                one.queue.completionsEnded.run();
            });
        }
        held.clear();
    }

    /** Ends the flushes that wait, as a store does that is still mending what a crash left; of one queue, or of all. */
    synchronized void callOff(BlockQueue only, Status status) {
        for (Held one : List.copyOf(held)) {
            if (one.request.operation() == Operation.FLUSH && (only == null || one.queue == only)) {
                held.remove(one);
                one.queue.loop.execute(() -> {
                    one.request.complete(status);
                    one.queue.completionsEnded.run();
                });
            }
        }
    }

    /** Returns how many requests wait. */
    public synchronized int heldCount() {
        return held.size();
    }

    /** Returns how many requests have ever come. */
    public synchronized int submittedCount() {
        return submitted;
    }

    /** Returns how many queues are open. */
    public synchronized int openQueues() {
        return openQueues;
    }

    /** Returns bytes of the volume. */
    public synchronized byte[] read(int offset, int length) {
        byte[] copy = new byte[length];
        bytes.getBytes(offset, copy);
        return copy;
    }

    synchronized void grow(long sizeBytes) {
        bytes.writeZero((int) (BlockGeometry.blockCeiling(sizeBytes) - bytes.writerIndex()));
        geometry = geometry.withSizeBytes(sizeBytes);
    }

    @Override
    public BlockGeometry geometry() {
        return geometry;
    }

    @Override
    public synchronized BlockQueue openQueue(Loop loop, Runnable completionsEnded) {
        openQueues++;
        return new TestQueue(loop, completionsEnded);
    }

    @Override
    public void onGeometryChange(Runnable listener) {
        throw new UnsupportedOperationException();
    }

    @Override
    public void close() {
        // The bytes outlive the device, as files do.
    }

    void free() {
        bytes.release();
    }

    private synchronized Status apply(BlockRequest request) {
        int offset = (int) request.offsetBytes();
        int length = (int) request.lengthBytes();
        switch (request.operation()) {
            case READ -> {
                request.data().copyIn(0, bytes, offset, length);
                readTable(request);
                return Status.OK;
            }
            case WRITE -> {
                return write(request, offset, length);
            }
            case WRITE_ZEROES -> bytes.setZero(offset, length);
            case DISCARD -> {
                int from = (int) BlockGeometry.blockCeiling(offset);
                int to = (int) BlockGeometry.blockFloor(request.endBytes());
                bytes.setZero(from, Math.max(0, to - from));
            }
            case FLUSH -> {}
        }
        return Status.OK;
    }

    private Status write(BlockRequest request, int offset, int length) {
        ChecksumList table = request.checksums();
        int position = 0;
        for (int i = 0; i < table.count(); i++) {
            int piece = Math.min(
                    length - position, BlockGeometry.BLOCK_BYTES - (offset + position) % BlockGeometry.BLOCK_BYTES);
            if (request.data().checksum(crc, position, piece) != table.get(i)) {
                return Status.CHECKSUM;
            }
            position += piece;
        }
        request.data().copyOut(0, bytes, offset, length);
        return Status.OK;
    }

    private void readTable(BlockRequest request) {
        ChecksumList table = request.checksums();
        for (int i = 0; table != null && i < table.count(); i++) {
            table.set(
                    i,
                    crc.compute(
                            bytes,
                            (int) request.offsetBytes() + i * BlockGeometry.BLOCK_BYTES,
                            BlockGeometry.BLOCK_BYTES));
        }
    }

    private final class TestQueue implements BlockQueue {
        private final Loop loop;
        private final Runnable completionsEnded;

        TestQueue(Loop loop, Runnable completionsEnded) {
            this.loop = loop;
            this.completionsEnded = completionsEnded;
        }

        @Override
        public void submit(BlockRequest request) {
            loop.assertInLoop();
            synchronized (TestVolume.this) {
                submitted++;
                if (holding) {
                    held.add(new Held(this, request));
                    return;
                }
            }
            request.complete(apply(request));
        }

        @Override
        public void endBatch() {
            loop.assertInLoop();
        }

        @Override
        public void callOff(Status status) {
            loop.assertInLoop();
            TestVolume.this.callOff(this, status);
        }

        @Override
        public void close() {
            synchronized (TestVolume.this) {
                openQueues--;
            }
        }
    }
}
