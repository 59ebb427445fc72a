package io.ashlar.store.recovery;

import io.ashlar.base.annotation.ThreadSafe;
import io.ashlar.base.block.BlockGeometry;
import io.ashlar.base.sys.Errno;
import io.ashlar.store.extent.Extent;
import io.ashlar.store.extent.IoContext;
import io.ashlar.store.file.StorageFile;
import io.ashlar.store.file.ZeroBlocks;
import io.ashlar.store.format.BlockVersion;
import io.ashlar.store.format.MapEntry;
import io.ashlar.store.format.RegionMap;
import io.ashlar.store.meter.StoreCounters;
import io.netty.buffer.ByteBuf;
import java.util.BitSet;
import java.util.concurrent.atomic.AtomicInteger;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Settles what a block of a marked region holds after an unclean stop, or after a write that failed half-way, by reading
 * it. A block that matches {@code next} has it, one that matches {@code previous} has that, counted and logged; one that matches neither is
 * torn and, being the only copy, is taken as it lies with a new checksum, counted and logged. So is one
 * that can't be read; its entry stays, so that whoever reads it is told, and an overwrite heals it. A block whose entry is
 * damaged stays corrupt: nothing in a map is ever guessed. Afterwards previous equals next, but where old bytes had to be
 * punched: there previous is what they were, so that a start after a further crash does it again.
 *
 * <p>Runs on a pool thread that holds the blocks exclusively.
 */
@ThreadSafe
public final class RegionSettler {
    private static final Logger LOG = LoggerFactory.getLogger(RegionSettler.class);

    /** Regions of a volume that are worth a line in the log each; the others are only counted. */
    private static final int LINES_MAX = 100;

    private final StoreCounters counters;
    private final AtomicInteger linesLeft = new AtomicInteger(LINES_MAX);

    /** What was found in a region, in blocks. */
    private static final class Findings {
        private int torn;
        private int previous;
        private int unreadable;
    }

    /** Creates a settler for one volume. */
    public RegionSettler(StoreCounters counters) {
        this.counters = counters;
    }

    /**
     * Settles blocks of a region: reads their entries and their data, rewrites the entries, and brings the map in memory
     * up to date if there is one.
     *
     * @param first the first block, within the region
     * @param rewriteData also write the data that was read: after a failed sync, of which nothing may be left to tell, the
     *     page cache holds what the disk does not, and the kernel takes those pages for clean
     * @param toPunch gets the blocks, from {@code first} on, under whose entries old bytes may lie: {@link #punch} follows
     * @return the bytes of data written, or -errno
     */
    public int settle(
            Extent extent, int region, int first, int count, IoContext context, boolean rewriteData, BitSet toPunch) {
        ByteBuf page = context.page();
        int entriesBytes = count * MapEntry.BYTES;
        long entriesOffset = extent.pageOffset(region) + (long) first * MapEntry.BYTES;
        int result = readFully(extent.metadata(), page, entriesBytes, entriesOffset);
        if (result < 0) {
            return result;
        }
        int firstBlock = region * extent.header().shape().regionBlocks() + first;
        if (RegionMap.isBlank(page, count)) {
            toPunch.set(0, count); // a crash may have kept data whose entries it lost
            return 0;
        }
        int rewritten = 0;
        Findings findings = new Findings();
        for (int i = 0; i < count && result >= 0; i++) {
            result = settleBlock(extent, firstBlock + i, i, context, rewriteData, toPunch, findings);
            rewritten += Math.max(0, result);
        }
        if (!rewriteData) {
            findings.previous = 0; // a write that failed may well have left what was there before
        }
        report(extent, region, findings);
        if (result < 0) {
            return result;
        }
        // What the blocks hold is known now, and readers go by it, even if it can't be written down any more.
        updateMap(extent, region, first, count, context);
        result = writeFully(extent.metadata(), page, entriesBytes, entriesOffset);
        extent.setDirty();
        return result < 0 ? result : rewritten;
    }

    /**
     * Settles a block whose entry is the {@code i}-th of the page, and rewrites the entry there.
     *
     * @return the bytes of data written, or -errno
     */
    private int settleBlock(
            Extent extent,
            int block,
            int i,
            IoContext context,
            boolean rewriteData,
            BitSet toPunch,
            Findings findings) {
        ByteBuf page = context.page();
        int index = i * MapEntry.BYTES;
        BlockVersion previous = context.previous().set(MapEntry.ABSENT, 0);
        BlockVersion next = context.next();
        if (MapEntry.isBlank(page, index)) {
            // The first write of the region puts all its entries down; a crash may have lost a part of them.
            next.set(MapEntry.ABSENT, 0);
        } else if (!MapEntry.decode(page, index, previous, next, extent.header(), block)) {
            return 0;
        }
        ByteBuf bytes = context.edges();
        long offset = (long) block << BlockGeometry.BLOCK_SHIFT;
        int result = readFully(extent.data(), bytes, BlockGeometry.BLOCK_BYTES, offset);
        if (result < 0) {
            findings.unreadable++;
            if (next.state() != MapEntry.DATA) {
                toPunch.set(i); // what should be gone needs no reading to be removed
                MapEntry.encode(page, index, previous, next, extent.header(), block);
            }
            return 0;
        }
        int found = context.crc().compute(bytes, 0, BlockGeometry.BLOCK_BYTES);
        if (next.state() != MapEntry.DATA) {
            if (found != ZeroBlocks.CHECKSUM && previous.state() != MapEntry.DATA) {
                previous.set(MapEntry.DATA, found); // data whose entry was lost: as if it had been discarded
            }
            // The crash may have come between entry and punch; or the punch is not durable yet, and nothing shows.
            toPunch.set(i, previous.state() == MapEntry.DATA);
        } else {
            choose(found, previous, next, findings);
            previous.set(next.state(), next.checksum());
        }
        MapEntry.encode(page, index, previous, next, extent.header(), block);
        if (!rewriteData || next.state() != MapEntry.DATA) {
            return 0;
        }
        result = writeFully(extent.data(), bytes, BlockGeometry.BLOCK_BYTES, offset);
        return result < 0 ? result : BlockGeometry.BLOCK_BYTES;
    }

    /** Leaves in {@code next} what a block with data of the checksum {@code found} holds. */
    private static void choose(int found, BlockVersion previous, BlockVersion next, Findings findings) {
        if (found == next.checksum()) {
            return;
        }
        boolean isPrevious =
                previous.state() == MapEntry.DATA ? found == previous.checksum() : found == ZeroBlocks.CHECKSUM;
        if (isPrevious) {
            next.set(previous.state(), previous.checksum());
            findings.previous++;
            return;
        }
        findings.torn++;
        next.set(MapEntry.DATA, found);
    }

    private void report(Extent extent, int region, Findings findings) {
        counters.tornBlocks().add(findings.torn);
        counters.previousBlocks().add(findings.previous);
        counters.unreadableBlocks().add(findings.unreadable);
        if (findings.torn + findings.previous + findings.unreadable > 0 && linesLeft.getAndDecrement() > 0) {
            LOG.warn(
                    "extent {} region {}: {} blocks torn, taken as they lie; {} as before their last write;"
                            + " {} can't be read, left as they are",
                    extent.header().fileName(),
                    region,
                    findings.torn,
                    findings.previous,
                    findings.unreadable);
        }
    }

    /**
     * Punches blocks that are zero by their entries. The entries must be durable before the bytes go, or a crash leaves
     * zeroes under an entry that promises data; and the bytes must durably be gone before another entry comes, or a second
     * crash, which keeps that entry and loses its data, brings them back.
     *
     * @param first the first block, within the region
     * @param blocks which ones, counted from there
     * @return 0 or -errno
     */
    public int punch(Extent extent, int region, int first, BitSet blocks, IoContext context) {
        int firstBlock = region * extent.header().shape().regionBlocks() + first;
        int result = 0;
        for (int from = blocks.nextSetBit(0); from >= 0 && result == 0; ) {
            int to = blocks.nextClearBit(from);
            result = punch(extent, firstBlock + from, to - from, context);
            from = blocks.nextSetBit(to);
        }
        return result;
    }

    /** Punches neighbouring blocks, or writes zeroes where that can't be done. */
    private static int punch(Extent extent, int firstBlock, int count, IoContext context) {
        long offset = (long) firstBlock << BlockGeometry.BLOCK_SHIFT;
        int result = extent.data().punch(offset, (long) count << BlockGeometry.BLOCK_SHIFT);
        if (result < 0) {
            ByteBuf zeroes = context.edges();
            zeroes.setZero(0, BlockGeometry.BLOCK_BYTES);
            result = 0;
            for (int i = 0; i < count && result == 0; i++) {
                long at = offset + ((long) i << BlockGeometry.BLOCK_SHIFT);
                result = writeFully(extent.data(), zeroes, BlockGeometry.BLOCK_BYTES, at);
            }
        }
        extent.setDirty();
        return result;
    }

    private static void updateMap(Extent extent, int region, int first, int count, IoContext context) {
        RegionMap map = extent.map(region);
        if (map == null) {
            return;
        }
        BlockVersion previous = context.previous();
        BlockVersion next = context.next();
        int firstBlock = region * map.blocks() + first;
        for (int i = 0; i < count; i++) {
            if (MapEntry.decode(context.page(), i * MapEntry.BYTES, previous, next, extent.header(), firstBlock + i)) {
                map.set(first + i, next.state(), next.checksum());
            } else {
                map.set(first + i, MapEntry.CORRUPT, 0);
            }
        }
    }

    private static int readFully(StorageFile file, ByteBuf into, int length, long offset) {
        int done = 0;
        while (done < length) {
            long result = file.read(into.memoryAddress() + done, length - done, offset + done);
            if (result <= 0) {
                return result == 0 ? -Errno.EIO : (int) result;
            }
            done += (int) result;
        }
        return 0;
    }

    private static int writeFully(StorageFile file, ByteBuf from, int length, long offset) {
        int done = 0;
        while (done < length) {
            long result = file.write(from.memoryAddress() + done, length - done, offset + done);
            if (result <= 0) {
                return result == 0 ? -Errno.EIO : (int) result;
            }
            done += (int) result;
        }
        return 0;
    }
}
