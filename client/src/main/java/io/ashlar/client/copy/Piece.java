package io.ashlar.client.copy;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.block.BlockRequest;
import io.ashlar.base.block.Operation;
import io.ashlar.base.block.ScatterList;
import io.ashlar.base.status.Status;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.PooledByteBufAllocator;
import java.nio.ByteBuffer;
import java.util.concurrent.CountDownLatch;

/** A request with memory of its own, which one thread prepares, a loop submits, and the first thread waits for. */
@ConfinedTo(LoopKind.OWNER)
final class Piece extends BlockRequest {
    private final ByteBuf memory;
    private final ScatterList list = new ScatterList(1);
    private volatile CountDownLatch ended = new CountDownLatch(0);
    private volatile Status status = Status.OK;

    Piece(int bytes) {
        memory = PooledByteBufAllocator.DEFAULT.directBuffer(bytes, bytes);
        memory.writerIndex(bytes);
    }

    ByteBuf memory() {
        return memory;
    }

    /** Returns the first bytes of the memory, for a channel; the thread that prepares is the only one to ask. */
    ByteBuffer nio(int length) {
        return memory.nioBuffer(0, length);
    }

    void prepare(Operation operation, long offset, long length, int flags) {
        ended = new CountDownLatch(1);
        if (operation.carriesData()) {
            list.clear();
            list.add(memory, 0, (int) length);
            setData(operation, offset, list, flags);
        } else {
            set(operation, offset, length, flags);
        }
    }

    Status await() throws InterruptedException {
        ended.await();
        return status;
    }

    void release() {
        memory.release();
    }

    @Override
    protected void onComplete(Status outcome) {
        status = outcome;
        ended.countDown();
    }
}
