package io.ashlar.store.volume;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.block.BlockGeometry;
import io.ashlar.base.block.BlockRuns;
import io.ashlar.base.block.BlockRuns.Kind;
import io.ashlar.base.status.Status;
import io.ashlar.base.sys.Errno;
import io.ashlar.store.extent.Extent;
import io.ashlar.store.extent.IoContext;
import io.ashlar.store.file.StoreException;
import io.ashlar.store.format.MapEntry;
import io.ashlar.store.format.RegionMap;
import io.netty.buffer.ByteBuf;
import java.util.function.BooleanSupplier;

/**
 * Reads the maps of a range, region by region, without claims and without filling the cache. Ends early when it has looked
 * at so many that it would keep a pool thread busy: whoever asks goes on from there.
 */
@ConfinedTo(LoopKind.POOL)
final class BlockStatusQuery {
    /** Most regions, or extents that don't exist, that one query looks at; docs/protocol.md. 4 MiB of map entries. */
    private static final int LOOKS_MAX = 1024;

    private final VolumeParts parts;

    BlockStatusQuery(VolumeParts parts) {
        this.parts = parts;
    }

    /** Fills the runs; UNAVAILABLE if it was not to go on. */
    Status run(long offsetBytes, long lengthBytes, BlockRuns runs, BooleanSupplier goesOn, IoContext context) {
        runs.clear();
        long at = offsetBytes;
        long end = offsetBytes + lengthBytes;
        boolean hasRoom = true;
        try {
            for (int looks = 0; at < end && hasRoom && looks < LOOKS_MAX; looks++) {
                if (!goesOn.getAsBoolean()) {
                    return Status.UNAVAILABLE;
                }
                Extent extent = parts.extents().open(parts.shape().extentOf(at));
                if (parts.extents().isNone(extent)) {
                    long extentEnd = (at | (parts.shape().extentBytes() - 1)) + 1;
                    hasRoom = runs.add(Kind.ABSENT, Math.min(end, extentEnd) - at);
                    at = Math.min(end, extentEnd);
                } else {
                    long regionEnd = Math.min(end, (at | (parts.shape().regionBytes() - 1)) + 1);
                    hasRoom = addRegion(extent, at, regionEnd, runs, context);
                    at = regionEnd;
                }
            }
            return Status.OK;
        } catch (StoreException e) {
            return e.errno() == 0 ? Status.CORRUPT : Errno.toStatus(-e.errno());
        }
    }

    private boolean addRegion(Extent extent, long from, long to, BlockRuns runs, IoContext context)
            throws StoreException {
        if (extent.isLost()) {
            throw new StoreException("the extent is lost", Errno.EIO);
        }
        int region = parts.shape().regionInExtent(from);
        RegionMap map = extent.map(region);
        if (map == null) {
            ByteBuf page = context.page();
            int bytes = parts.shape().pageBytes();
            long result = extent.metadata().read(page.memoryAddress(), bytes, extent.pageOffset(region));
            if (result != bytes) {
                throw new StoreException("can't read the block map", result < 0 ? (int) -result : Errno.EIO);
            }
            map = RegionMap.decode(page, extent.header(), region);
        }
        for (long at = from; at < to; ) {
            long next = Math.min(to, BlockGeometry.blockFloor(at) + BlockGeometry.BLOCK_BYTES);
            if (!runs.add(kindOf(map.state(parts.shape().blockInRegion(at))), next - at)) {
                return false;
            }
            at = next;
        }
        return true;
    }

    private static Kind kindOf(byte state) {
        return switch (state) {
            case MapEntry.ABSENT -> Kind.ABSENT;
            case MapEntry.ZERO -> Kind.ZERO;
            default -> Kind.DATA; // what is damaged is not nothing
        };
    }
}
