package io.ashlar.nbd.session;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.block.BlockQueue;
import io.ashlar.base.block.BlockRequest;
import io.ashlar.base.block.Operation;
import io.ashlar.base.block.ScatterList;
import io.ashlar.base.status.Status;
import io.netty.buffer.ByteBuf;

/**
 * The read-modify-write of a range that is not made of whole logical blocks: reads the blocks around it, lays the new
 * bytes over them, writes them back. Alone, as {@link WriteGate} sees to. Allocates: only for clients that don't keep to
 * the block size.
 */
@ConfinedTo(LoopKind.DATA)
final class Rewrite extends BlockRequest {
    private final BlockQueue queue;
    private final RequestSlot slot;
    private final ByteBuf blocks;
    private final ScatterList list = new ScatterList(1);
    private final int from;
    private final int lengthBytes;
    private final int writeFlags;

    /**
     * Prepares the rewrite of a slot.
     *
     * @param slot completed at the end; a write with its payload, or write-zeroes
     * @param blocks memory of this rewrite, as long as the logical blocks around the range; taken over
     * @param from where the range starts in them
     */
    Rewrite(BlockQueue queue, RequestSlot slot, ByteBuf blocks, int from) {
        this.queue = queue;
        this.slot = slot;
        this.blocks = blocks;
        this.from = from;
        lengthBytes = (int) slot.lengthBytes();
        writeFlags = slot.flags() & FUA;
        list.add(blocks, 0, blocks.capacity());
    }

    void start() {
        setData(Operation.READ, slot.offsetBytes() - from, list, 0);
        queue.submit(this);
    }

    @Override
    protected void onComplete(Status status) {
        if (operation() == Operation.WRITE || !status.isOk()) {
            blocks.release();
            slot.complete(status);
            return;
        }
        if (slot.operation() == Operation.WRITE) {
            slot.data().copyOut(0, blocks, from, lengthBytes);
        } else {
            blocks.setZero(from, lengthBytes);
        }
        setData(Operation.WRITE, offsetBytes(), list, writeFlags);
        queue.submit(this);
    }
}
