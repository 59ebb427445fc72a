package io.ashlar.store.volume;

import io.ashlar.base.annotation.ThreadSafe;
import io.ashlar.base.block.BlockGeometry;
import io.ashlar.base.status.Status;
import io.ashlar.base.sys.Errno;
import io.ashlar.store.extent.IoContext;
import io.ashlar.store.file.IoVector;
import io.ashlar.store.file.ZeroBlocks;
import io.ashlar.store.format.MapEntry;
import io.ashlar.store.volume.StoreOp.Outcome;
import io.ashlar.store.volume.StoreOp.Step;

/**
 * The path of a discard, and of a write-zeroes that may deallocate, over whole blocks of one region: the entries say zero,
 * are made durable, and only then the bytes are punched. The other way round a crash would leave zeroes under an entry
 * that promises data.
 */
@ThreadSafe
final class UnmapPath {
    private final VolumeParts parts;
    private final ExtentAccess access;
    private final EntryWriter entries;

    UnmapPath(VolumeParts parts, ExtentAccess access) {
        this.parts = parts;
        this.access = access;
        entries = new EntryWriter(parts.shape());
    }

    /** Writes the entries and joins a sync; on the loop as long as there is nothing to do, else in the pool. */
    Outcome run(StoreOp op, IoContext context) {
        Outcome outcome = access.prepare(op, context, false);
        if (outcome != Outcome.READY) {
            return outcome;
        }
        int first = parts.shape().blockInRegion(op.offsetBytes);
        if (op.map == null) {
            return op.done(Status.OK);
        }
        if (!op.map.isAny(MapEntry.DATA, first, op.blocks()) && !op.map.isAny(MapEntry.CORRUPT, first, op.blocks())) {
            return WritePath.finishOrSync(op);
        }
        if (op.extent.isFailed()) {
            return op.done(Status.IO_ERROR);
        }
        int region = parts.shape().regionInExtent(op.offsetBytes);
        if (!op.extent.isMarked(region)) {
            parts.intents().mark(op.extent, region, op);
            return Outcome.PENDING;
        }
        if (!context.mayBlock()) {
            return Outcome.BLOCKS;
        }
        int result = entries.write(op, op.firstBlock(), op.blocks(), context);
        op.extent.noteWrite(region, parts.intents().tick());
        op.extent.setDirty();
        if (result < 0) {
            op.status = Errno.toStatus(result);
            op.step = Step.SETTLE;
            return Outcome.BLOCKS;
        }
        op.step = Step.PUNCH;
        op.joinSync(op.extent);
        return Outcome.PENDING;
    }

    /** Punches the bytes, or writes zeroes over them where that fails; in the pool. */
    Outcome punch(StoreOp op, IoContext context) {
        long offset = op.offsetBytes & (parts.shape().extentBytes() - 1);
        int bytes = op.blocks() << BlockGeometry.BLOCK_SHIFT;
        if (op.extent.data().punch(offset, bytes) < 0) {
            IoVector vector = context.vector();
            vector.clear();
            ZeroBlocks.addTo(vector, bytes);
            int result = (int) vector.writeTo(op.extent.data(), offset);
            if (result < 0) {
                op.extent.fail("can't remove discarded bytes", result);
                return op.done(Status.IO_ERROR);
            }
        }
        op.extent.setDirty();
        return WritePath.finishOrSync(op);
    }
}
