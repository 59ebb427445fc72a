package io.ashlar.client.volume;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.block.BlockRequest;
import io.ashlar.base.block.Operation;
import io.ashlar.base.block.ScatterList;
import io.ashlar.base.status.Status;
import io.ashlar.client.range.RangeClaim;
import io.ashlar.protocol.frame.Limits;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;

/**
 * A request in flight, and what it needs to be sent: its claim on the range, memory for header and checksums. Made once;
 * its queue moves it from list to list.
 */
@ConfinedTo(LoopKind.DATA)
final class RequestSlot {
    /** Header and the largest checksum table. */
    static final int PREFIX_BYTES = Limits.HEADER_BYTES + Limits.CHECKSUM_TABLE_BYTES_MAX;

    final int index;
    final RangeClaim claim;
    final int prefixStart;

    /** Where the slot is; null while it is free. */
    SlotList list;

    RequestSlot previous;
    RequestSlot next;

    private final ByteBuf prefixView;
    private BlockRequest request;
    private ByteBuf copy;
    private ScatterList copyList;

    /** Id and last part of the latest sending. */
    long requestId;

    long lastPart;

    /** Whether a node may still work it off: sent, and neither answered nor of an incarnation that has ended. */
    boolean mayBeAtNode;

    int attempts;

    /** What the request ends with when its connection is gone; null: it is sent again. */
    Status verdict;

    long flushNumber;

    RequestSlot(int index, RangeClaim claim, ByteBuf prefixes) {
        this.index = index;
        this.claim = claim;
        prefixStart = index * PREFIX_BYTES;
        prefixView = prefixes.duplicate();
    }

    void begin(BlockRequest newRequest) {
        request = newRequest;
        mayBeAtNode = false;
        attempts = 0;
        verdict = null;
        flushNumber = 0;
    }

    BlockRequest request() {
        return request;
    }

    /** Lets go of the request and of a private copy. */
    BlockRequest takeRequest() {
        BlockRequest taken = request;
        request = null;
        if (copy != null) {
            copy.release();
            copy = null;
        }
        return taken;
    }

    boolean is(Operation operation) {
        return request.operation() == operation;
    }

    /** Returns a retained view of header and checksums. */
    ByteBuf retainedPrefix(int length) {
        return prefixView
                .setIndex(0, 0)
                .setIndex(prefixStart, prefixStart + length)
                .retain();
    }

    /** Returns the bytes to write: the submitter's, or the private copy of them. */
    ScatterList payload() {
        return copy == null ? request.data() : copyList;
    }

    /** Copies the submitter's bytes, which move, so that they are sent as they are now. */
    void makeCopy(ByteBufAllocator allocator) {
        if (copy == null) {
            int length = request.data().lengthBytes();
            copy = allocator.directBuffer(length, length);
            request.data().copyOut(0, copy, 0, length);
            copyList = new ScatterList(1);
            copyList.add(copy, 0, length);
        }
    }
}
