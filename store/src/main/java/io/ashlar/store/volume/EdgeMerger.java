package io.ashlar.store.volume;

import com.google.errorprone.annotations.Immutable;
import io.ashlar.base.block.BlockGeometry;
import io.ashlar.base.status.Status;
import io.ashlar.store.extent.IoContext;
import io.ashlar.store.format.ExtentShape;
import io.ashlar.store.format.MapEntry;
import io.ashlar.store.volume.StoreOp.Kind;
import io.ashlar.store.volume.StoreOp.Outcome;
import io.netty.buffer.ByteBuf;

/**
 * The read-modify-write of blocks that a change covers only in part: at most its first and its last one. The stored block
 * is verified first (the payload was, on the loop), then merged, then summed up anew: the other way round would give rot a
 * valid checksum. The merged first block is left at 0 of the context's edge buffer, the last one at 4096.
 */
@Immutable
final class EdgeMerger {
    @SuppressWarnings("Immutable") // a record of ints
    private final ExtentShape shape;

    @SuppressWarnings("Immutable") // thread-safe and without state of its own
    private final ReadPath reads;

    EdgeMerger(ExtentShape shape, ReadPath reads) {
        this.shape = shape;
        this.reads = reads;
    }

    /** Returns whether the first of the blocks is covered only in part. */
    boolean cutsFirst(StoreOp op, long first) {
        return op.pieceBytes(first) < BlockGeometry.BLOCK_BYTES;
    }

    /** Returns whether the last of several blocks is covered only in part. */
    boolean cutsLast(StoreOp op, long first, int count) {
        return count > 1 && op.pieceBytes(first + count - 1) < BlockGeometry.BLOCK_BYTES;
    }

    /** Merges what is cut; changes nothing but the context. */
    Outcome merge(StoreOp op, long first, int count, IoContext context) {
        Outcome outcome = cutsFirst(op, first) ? mergeBlock(op, first, 0, context) : Outcome.READY;
        if (outcome == Outcome.READY && cutsLast(op, first, count)) {
            outcome = mergeBlock(op, first + count - 1, BlockGeometry.BLOCK_BYTES, context);
        }
        return outcome;
    }

    private Outcome mergeBlock(StoreOp op, long block, int edgeIndex, IoContext context) {
        ByteBuf edges = context.edges();
        byte state = op.map.state(shape.blockInRegion(block << BlockGeometry.BLOCK_SHIFT));
        if (state == MapEntry.CORRUPT) {
            return op.done(Status.CORRUPT);
        }
        if (state == MapEntry.DATA) {
            Outcome outcome = reads.readVerified(op, block, edgeIndex, context);
            if (outcome != Outcome.READY) {
                return outcome;
            }
        } else {
            edges.setZero(edgeIndex, BlockGeometry.BLOCK_BYTES);
        }
        int within = (int) Math.max(0, op.offsetBytes - (block << BlockGeometry.BLOCK_SHIFT));
        if (op.kind == Kind.WRITE_ZEROES) {
            edges.setZero(edgeIndex + within, op.pieceBytes(block));
        } else {
            op.request.data().copyOut(op.pieceStart(block), edges, edgeIndex + within, op.pieceBytes(block));
        }
        return Outcome.READY;
    }
}
