package io.ashlar.store.volume;

import io.ashlar.base.annotation.ThreadSafe;
import io.ashlar.base.block.BlockGeometry;
import io.ashlar.base.block.ChecksumList;
import io.ashlar.base.block.ScatterList;
import io.ashlar.base.checksum.Crc32c;
import io.ashlar.base.status.Status;
import io.ashlar.base.sys.Errno;
import io.ashlar.store.extent.IoContext;
import io.ashlar.store.file.IoVector;
import io.ashlar.store.file.ZeroBlocks;
import io.ashlar.store.format.MapEntry;
import io.ashlar.store.format.RegionMap;
import io.ashlar.store.volume.StoreOp.Outcome;

/**
 * The path of a read. One preadv2 takes the whole range from the page cache on the loop; what is cold the pool reads. Then,
 * on the loop again, blocks without data become zeroes and the checksums are handed out or verified. The operation holds
 * its blocks shared all the while, so that data and map are of one version.
 */
@ThreadSafe
final class ReadPath {
    private final VolumeParts parts;
    private final ExtentAccess access;

    ReadPath(VolumeParts parts, ExtentAccess access) {
        this.parts = parts;
        this.access = access;
    }

    /** Brings the bytes into the request's memory; on the loop or in the pool. */
    Outcome run(StoreOp op, IoContext context) {
        Outcome outcome = access.prepare(op, context, false);
        if (outcome != Outcome.READY) {
            return outcome;
        }
        int first = parts.shape().blockInRegion(op.offsetBytes);
        if (op.map == null || !op.map.isAny(MapEntry.DATA, first, op.blocks())) {
            return op.done(isCorrupt(op, first) ? Status.CORRUPT : Status.OK);
        }
        if (isCorrupt(op, first)) {
            return op.done(Status.CORRUPT);
        }
        if (BlockGeometry.isBlockAligned(op.offsetBytes, op.lengthBytes)) {
            return readRange(op, op.lengthBytes, context);
        }
        return readUnaligned(op, context);
    }

    private static boolean isCorrupt(StoreOp op, int first) {
        return op.map != null && op.map.isAny(MapEntry.CORRUPT, first, op.blocks());
    }

    /** Reads on from where the last try ended, up to {@code end} within the range. */
    private Outcome readRange(StoreOp op, int end, IoContext context) {
        IoVector vector = context.vector();
        vector.clear();
        vector.add(op.request.data(), op.readBytes, end - op.readBytes);
        while (vector.lengthBytes() > 0) {
            long result = parts.reads()
                    .read(vector, op.extent.data(), fileOffset(op.offsetBytes + op.readBytes), context.mayBlock());
            if (result < 0) {
                return failed(op, result, context);
            }
            if (result == 0) {
                return op.done(Status.CORRUPT); // the file has lost its end
            }
            op.readBytes += (int) result;
            if (vector.lengthBytes() > 0 && !context.mayBlock()) {
                return Outcome.BLOCKS;
            }
        }
        return op.done(Status.OK);
    }

    /** Reads a range whose edges cut blocks: those are read whole, verified, and copied from. */
    private Outcome readUnaligned(StoreOp op, IoContext context) {
        long firstBlock = op.firstBlock();
        long lastBlock = firstBlock + op.blocks() - 1;
        boolean cutsFirst = op.pieceBytes(firstBlock) < BlockGeometry.BLOCK_BYTES;
        boolean cutsLast = lastBlock > firstBlock && op.pieceBytes(lastBlock) < BlockGeometry.BLOCK_BYTES;
        if (cutsFirst) {
            Outcome outcome = readEdge(op, firstBlock, context);
            if (outcome != Outcome.READY) {
                return outcome;
            }
        }
        if (cutsLast) {
            Outcome outcome = readEdge(op, lastBlock, context);
            if (outcome != Outcome.READY) {
                return outcome;
            }
        }
        op.readBytes = Math.max(op.readBytes, cutsFirst ? op.pieceBytes(firstBlock) : 0);
        int end = cutsLast ? op.pieceStart(lastBlock) : op.lengthBytes;
        return op.readBytes < end ? readRange(op, end, context) : op.done(Status.OK);
    }

    private Outcome readEdge(StoreOp op, long block, IoContext context) {
        int inRegion = parts.shape().blockInRegion(block << BlockGeometry.BLOCK_SHIFT);
        if (op.map.state(inRegion) != MapEntry.DATA) {
            return Outcome.READY;
        }
        Outcome outcome = readVerified(op, block, 0, context);
        if (outcome == Outcome.READY) {
            int within = (int) Math.max(0, op.offsetBytes - (block << BlockGeometry.BLOCK_SHIFT));
            op.request.data().copyIn(op.pieceStart(block), context.edges(), within, op.pieceBytes(block));
        }
        return outcome;
    }

    /**
     * Reads a block that holds data into the context's edge buffer and compares it with the map. A mismatch is believed
     * only after a second reading, in the pool; no write is in flight, for the caller holds the block.
     */
    Outcome readVerified(StoreOp op, long block, int edgeIndex, IoContext context) {
        int expected = op.map.checksum(parts.shape().blockInRegion(block << BlockGeometry.BLOCK_SHIFT));
        for (int attempt = 0; attempt < 2; attempt++) {
            IoVector vector = context.vector();
            vector.clear();
            vector.add(context.edges().memoryAddress() + edgeIndex, BlockGeometry.BLOCK_BYTES);
            long offset = fileOffset(block << BlockGeometry.BLOCK_SHIFT);
            while (vector.lengthBytes() > 0) {
                long at = offset + BlockGeometry.BLOCK_BYTES - vector.lengthBytes();
                long result = parts.reads().read(vector, op.extent.data(), at, context.mayBlock());
                if (result <= 0) {
                    return result == 0 ? op.done(Status.CORRUPT) : failed(op, result, context);
                }
            }
            if (context.crc().compute(context.edges(), edgeIndex, BlockGeometry.BLOCK_BYTES) == expected) {
                return Outcome.READY;
            }
            if (!context.mayBlock()) {
                return Outcome.BLOCKS;
            }
        }
        return op.done(Status.CORRUPT);
    }

    private static Outcome failed(StoreOp op, long result, IoContext context) {
        boolean wouldWait = result == -Errno.EAGAIN && !context.mayBlock();
        return wouldWait ? Outcome.BLOCKS : op.done(Errno.toStatus(result));
    }

    private long fileOffset(long volumeOffset) {
        return volumeOffset & (parts.shape().extentBytes() - 1);
    }

    /**
     * Ends a read that has its bytes: zeroes, checksums. On the loop.
     *
     * @return READY when the answer can go out; BLOCKS when it must be read again to confirm a mismatch
     */
    Outcome finish(StoreOp op, Crc32c crc) {
        ScatterList data = op.request.data();
        ChecksumList checksums = op.request.checksums();
        RegionMap map = op.map;
        int blocks = op.blocks();
        if (checksums != null) {
            checksums.resize(blocks);
        }
        int inRegion = parts.shape().blockInRegion(op.offsetBytes);
        for (int i = 0; i < blocks; i++) {
            long block = op.firstBlock() + i;
            boolean isData = map != null && map.state(inRegion + i) == MapEntry.DATA;
            int length = op.pieceBytes(block);
            if (!isData) {
                data.zero(op.pieceStart(block), length);
            }
            if (checksums != null) {
                checksums.set(i, isData ? map.checksum(inRegion + i) : ZeroBlocks.CHECKSUM);
            } else if (isData
                    && length == BlockGeometry.BLOCK_BYTES
                    && data.checksum(crc, op.pieceStart(block), length) != map.checksum(inRegion + i)) {
                return mismatch(op);
            }
        }
        return Outcome.READY;
    }

    private static Outcome mismatch(StoreOp op) {
        if (op.confirming) {
            op.status = Status.CORRUPT;
            return Outcome.READY;
        }
        op.confirming = true;
        op.readBytes = 0;
        return Outcome.BLOCKS;
    }
}
