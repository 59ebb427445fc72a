package io.ashlar.store.volume;

import io.ashlar.base.annotation.ThreadSafe;
import io.ashlar.base.block.BlockGeometry;
import io.ashlar.base.status.Status;
import io.ashlar.base.sys.Errno;
import io.ashlar.store.extent.Extent;
import io.ashlar.store.extent.IoContext;
import io.ashlar.store.file.IoVector;
import io.ashlar.store.file.ZeroBlocks;
import io.ashlar.store.format.MapEntry;
import io.ashlar.store.volume.StoreOp.Kind;
import io.ashlar.store.volume.StoreOp.Outcome;
import io.ashlar.store.volume.StoreOp.Step;
import java.util.BitSet;

/**
 * The path of a write, in the order that makes it safe (docs/adr/0004): the region's intent is durable; blocks that are
 * written in part are read and verified; the entries {previous, next} are written; then the data. The operation holds its
 * blocks exclusively all the while. Nothing is changed before everything needed is at hand, so the path can be broken off
 * on a loop and taken up again from its start in the pool.
 */
@ThreadSafe
final class WritePath {
    private final VolumeParts parts;
    private final ExtentAccess access;
    private final EntryWriter entries;
    private final EdgeMerger edges;

    WritePath(VolumeParts parts, ExtentAccess access, ReadPath reads) {
        this.parts = parts;
        this.access = access;
        entries = new EntryWriter(parts.shape());
        edges = new EdgeMerger(parts.shape(), reads);
    }

    /** Takes a write or write-zeroes as far as it gets; on the loop or in the pool. */
    Outcome run(StoreOp op, IoContext context) {
        Outcome outcome = access.prepare(op, context, op.kind == Kind.WRITE);
        if (outcome != Outcome.READY) {
            return outcome;
        }
        if (op.map == null) {
            return op.done(Status.OK); // zeroes onto an extent that doesn't exist
        }
        if (op.extent.isFailed()) {
            return op.done(Status.IO_ERROR);
        }
        int region = parts.shape().regionInExtent(op.offsetBytes);
        if (op.kind == Kind.WRITE_ZEROES && !hasData(op)) {
            return finishOrSync(op);
        }
        if (!op.extent.isMarked(region)) {
            parts.intents().mark(op.extent, region, op);
            return Outcome.PENDING;
        }
        if (!context.mayBlock() && mustLeaveLoop(op)) {
            return Outcome.BLOCKS;
        }
        outcome = op.kind == Kind.WRITE ? write(op, op.firstBlock(), op.blocks(), context) : writeZeroes(op, context);
        if (outcome != Outcome.READY) {
            return outcome;
        }
        return finishOrSync(op);
    }

    /**
     * Ends a change, or joins a sync first if it must be durable. Also one of blocks that are zero already: whoever made
     * them zero may not have had it synced that their bytes are gone, and under the next entry they could come back.
     */
    static Outcome finishOrSync(StoreOp op) {
        if (!op.fua) {
            return op.done(Status.OK);
        }
        op.done(Status.OK);
        op.joinSync(op.extent);
        return Outcome.PENDING;
    }

    private boolean hasData(StoreOp op) {
        int first = parts.shape().blockInRegion(op.offsetBytes);
        return op.map.isAny(MapEntry.DATA, first, op.blocks()) || op.map.isAny(MapEntry.CORRUPT, first, op.blocks());
    }

    /** First allocation, and everything while too much is unflushed, belongs to the pool. */
    private boolean mustLeaveLoop(StoreOp op) {
        int first = parts.shape().blockInRegion(op.offsetBytes);
        return op.kind == Kind.WRITE_ZEROES
                || !op.map.areAll(MapEntry.DATA, first, op.blocks())
                || parts.unflushed().isOverBound();
    }

    /** Writes zeroes over each run of blocks that are not zero already; in the pool. */
    private Outcome writeZeroes(StoreOp op, IoContext context) {
        int inRegion = parts.shape().blockInRegion(op.offsetBytes);
        int i = 0;
        while (i < op.blocks()) {
            int start = i;
            while (i < op.blocks() && isWritten(op, inRegion + i)) {
                i++;
            }
            if (i > start) {
                Outcome outcome = write(op, op.firstBlock() + start, i - start, context);
                if (outcome != Outcome.READY) {
                    return outcome;
                }
            } else {
                i++;
            }
        }
        return Outcome.READY;
    }

    private static boolean isWritten(StoreOp op, int blockInRegion) {
        byte state = op.map.state(blockInRegion);
        return state == MapEntry.DATA || state == MapEntry.CORRUPT;
    }

    /** Writes the operation's bytes that lie in {@code count} of its blocks from {@code first}. */
    private Outcome write(StoreOp op, long first, int count, IoContext context) {
        Outcome outcome = edges.merge(op, first, count, context);
        if (outcome != Outcome.READY) {
            return outcome;
        }
        int result = entries.write(op, first, count, context);
        if (result < 0) {
            return settle(op, Errno.toStatus(result));
        }
        result = writeData(op, first, count, context);
        Extent extent = op.extent;
        extent.noteWrite(
                parts.shape().regionInExtent(op.offsetBytes), parts.intents().tick());
        extent.setDirty();
        if (result < 0) {
            return settle(op, Errno.toStatus(result));
        }
        int bytes = count << BlockGeometry.BLOCK_SHIFT;
        if (parts.unflushed().add(bytes)) {
            op.queue.volume().flushInBackground();
        }
        if (context.mayBlock() && parts.unflushed().isOverBound()) {
            extent.data().startWriteback(fileOffset(first), bytes); // slows this writer to the disk's pace
        }
        return Outcome.READY;
    }

    private int writeData(StoreOp op, long first, int count, IoContext context) {
        IoVector vector = context.vector();
        vector.clear();
        int headBytes = edges.cutsFirst(op, first) ? BlockGeometry.BLOCK_BYTES : 0;
        int tailBytes = edges.cutsLast(op, first, count) ? BlockGeometry.BLOCK_BYTES : 0;
        int bytes = count << BlockGeometry.BLOCK_SHIFT;
        if (headBytes > 0) {
            vector.add(context.edges().memoryAddress(), headBytes);
        }
        int wholeBytes = bytes - headBytes - tailBytes;
        if (wholeBytes > 0 && op.kind == Kind.WRITE_ZEROES) {
            ZeroBlocks.addTo(vector, wholeBytes);
        } else if (wholeBytes > 0) {
            vector.add(op.request.data(), op.pieceStart(first + (headBytes > 0 ? 1 : 0)), wholeBytes);
        }
        if (tailBytes > 0) {
            vector.add(context.edges().memoryAddress() + BlockGeometry.BLOCK_BYTES, tailBytes);
        }
        return (int) vector.writeTo(op.extent.data(), fileOffset(first));
    }

    /** After a write that failed half-way nobody knows what the blocks hold: they are read again, in the pool. */
    private static Outcome settle(StoreOp op, Status status) {
        op.status = status;
        op.step = Step.SETTLE;
        return Outcome.BLOCKS;
    }

    /** Finds out what the blocks of a failed write hold, then ends it with its error. In the pool. */
    Outcome settle(StoreOp op, IoContext context) {
        int region = parts.shape().regionInExtent(op.offsetBytes);
        int first = parts.shape().blockInRegion(op.offsetBytes);
        BitSet toPunch = new BitSet(op.blocks());
        int result = parts.settler().settle(op.extent, region, first, op.blocks(), context, false, toPunch);
        if (result >= 0 && !toPunch.isEmpty()) {
            result = op.extent.syncNow()
                    ? parts.settler().punch(op.extent, region, first, toPunch, context)
                    : -Errno.EIO;
        }
        if (result < 0) {
            op.extent.fail("can't settle blocks after a failed write", result);
        }
        return op.done(op.status);
    }

    private long fileOffset(long block) {
        return (block << BlockGeometry.BLOCK_SHIFT) & (parts.shape().extentBytes() - 1);
    }
}
