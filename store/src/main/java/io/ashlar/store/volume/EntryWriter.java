package io.ashlar.store.volume;

import com.google.errorprone.annotations.Immutable;
import io.ashlar.base.block.BlockGeometry;
import io.ashlar.base.sys.Errno;
import io.ashlar.store.extent.IoContext;
import io.ashlar.store.file.ZeroBlocks;
import io.ashlar.store.format.BlockVersion;
import io.ashlar.store.format.ExtentShape;
import io.ashlar.store.format.MapEntry;
import io.ashlar.store.format.RegionMap;
import io.ashlar.store.volume.StoreOp.Kind;
import io.netty.buffer.ByteBuf;

/** Writes the map entries {previous, next} of a change, with one pwrite, and then changes the map in memory. */
@Immutable
final class EntryWriter {
    @SuppressWarnings("Immutable") // a record of ints
    private final ExtentShape shape;

    EntryWriter(ExtentShape shape) {
        this.shape = shape;
    }

    /**
     * Writes the entries of {@code count} blocks from {@code first}. In a region whose page was never written, the whole
     * page: from then on a blank entry is a damaged one.
     *
     * <p>The changes of a region run side by side, each with blocks of its own; but who writes the whole page writes the
     * others' entries too. So the first change has the page to itself, and those that come meanwhile wait. They are all
     * in the pool: no loop changes a block that is not data yet.
     *
     * @return 0 or -errno, and then the map in memory is as before
     */
    int write(StoreOp op, long first, int count, IoContext context) {
        RegionMap map = op.map;
        if (map.isBlank()) {
            synchronized (map) {
                return write(op, first, count, context, map.isBlank());
            }
        }
        return write(op, first, count, context, false);
    }

    private int write(StoreOp op, long first, int count, IoContext context, boolean wholePage) {
        RegionMap map = op.map;
        int firstInRegion = shape.blockInRegion(first << BlockGeometry.BLOCK_SHIFT);
        int from = wholePage ? 0 : firstInRegion;
        int to = wholePage ? shape.regionBlocks() : firstInRegion + count;
        encode(op, first - firstInRegion, from, to, firstInRegion, count, context);
        int bytes = (to - from) * MapEntry.BYTES;
        int region = shape.regionInExtent(op.offsetBytes);
        long offset = op.extent.pageOffset(region) + (long) from * MapEntry.BYTES;
        long result = op.extent.metadata().write(context.page().memoryAddress(), bytes, offset);
        if (result != bytes) {
            return result < 0 ? (int) result : -Errno.EIO;
        }
        byte state = op.kind == Kind.UNMAP ? MapEntry.ZERO : MapEntry.DATA;
        for (int i = firstInRegion; i < firstInRegion + count; i++) {
            map.set(i, state, MapEntry.nextChecksum(context.page(), (i - from) * MapEntry.BYTES));
        }
        if (wholePage) {
            map.written();
        }
        return 0;
    }

    private void encode(
            StoreOp op, long regionStart, int from, int to, int firstInRegion, int count, IoContext context) {
        ByteBuf page = context.page();
        BlockVersion previous = context.previous();
        BlockVersion next = context.next();
        int firstInExtent = shape.blockInExtent(regionStart << BlockGeometry.BLOCK_SHIFT);
        for (int i = from; i < to; i++) {
            byte state = op.map.state(i);
            // What a damaged entry stood for is unknown: as a previous version it can only be nothing.
            previous.set(state == MapEntry.CORRUPT ? MapEntry.ABSENT : state, op.map.checksum(i));
            if (i >= firstInRegion && i < firstInRegion + count) {
                setNext(op, regionStart + i, context, next);
            } else {
                next.set(previous.state(), previous.checksum());
            }
            MapEntry.encode(page, (i - from) * MapEntry.BYTES, previous, next, op.extent.header(), firstInExtent + i);
        }
    }

    /** Says what the change makes of a block. */
    private static void setNext(StoreOp op, long block, IoContext context, BlockVersion next) {
        if (op.kind == Kind.UNMAP) {
            next.set(MapEntry.ZERO, 0);
        } else if (op.pieceBytes(block) < BlockGeometry.BLOCK_BYTES) {
            int edgeIndex = block == op.firstBlock() ? 0 : BlockGeometry.BLOCK_BYTES;
            next.set(MapEntry.DATA, context.crc().compute(context.edges(), edgeIndex, BlockGeometry.BLOCK_BYTES));
        } else if (op.kind == Kind.WRITE_ZEROES) {
            next.set(MapEntry.DATA, ZeroBlocks.CHECKSUM);
        } else {
            next.set(MapEntry.DATA, op.checksums[(int) (block - op.firstBlock())]);
        }
    }
}
