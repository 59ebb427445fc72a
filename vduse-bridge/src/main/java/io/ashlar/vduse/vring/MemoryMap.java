package io.ashlar.vduse.vring;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.block.ScatterList;
import io.netty.buffer.ByteBuf;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

/**
 * One loop's view of the driver's memory: translates its addresses (IOVA, unsigned 64 bits) to places in buffers. An
 * address comes from a driver that may lie: a range is translated only if all of it lies in one region that allows the
 * access. Nothing else in the engine turns a number of the driver into a place in memory.
 *
 * <p>A region is a row of windows of {@link #WINDOW_BYTES}, since a buffer can't span more than 2 GiB; a range that crosses
 * from one to the next becomes two segments. The buffers belong to this loop (each loop wraps the mapping itself) and are
 * borrowed until the region is removed, which needs every queue that uses the map to be stopped first.
 */
@ConfinedTo(LoopKind.DATA)
public final class MemoryMap {
    /** log2 of {@link #WINDOW_BYTES}. */
    public static final int WINDOW_SHIFT = 30;
    /** Bytes of each window of a region but the last, which may be shorter. */
    public static final int WINDOW_BYTES = 1 << WINDOW_SHIFT;

    private final RegionSource source;
    private final List<Region> regions = new ArrayList<>();
    private Region latest;

    /** Creates an empty map that asks the source for addresses it does not know. */
    public MemoryMap(RegionSource source) {
        this.source = source;
    }

    /**
     * Adds a region.
     *
     * @param iova its first address
     * @param lengthBytes its length; positive
     * @param windows its memory: direct buffers whose index 0 is the window's start; all but the last hold exactly
     *     {@link #WINDOW_BYTES}
     * @throws IllegalArgumentException if the windows don't make up the region or it overlaps another one
     */
    public void add(long iova, long lengthBytes, Access access, ByteBuf... windows) {
        Region region = new Region(iova, lengthBytes, access, windows.clone());
        for (Region other : regions) {
            if (other.overlaps(region)) {
                throw new IllegalArgumentException("region at 0x" + Long.toHexString(iova) + " overlaps another one");
            }
        }
        regions.add(region);
    }

    /** Forgets all regions; their memory may be unmapped when every map has done so and no request uses it. */
    public void clear() {
        regions.clear();
        latest = null;
    }

    /**
     * Appends the memory of a range to the list.
     *
     * @param lengthBytes not negative; nothing is appended for 0, whatever the address
     * @param toWrite whether the device is going to write
     * @return false, perhaps with some of it appended, if the range is not mapped so or {@code out} is full
     */
    public boolean resolve(long iova, long lengthBytes, boolean toWrite, ScatterList out) {
        if (lengthBytes == 0) {
            return true;
        }
        Region region = find(iova, lengthBytes);
        return region != null && region.access.allows(toWrite) && region.append(iova, lengthBytes, out);
    }

    /**
     * Returns a view of memory that is accessed in place: a ring.
     *
     * @param alignment power of two that the address is a multiple of
     * @throws VringException if it is not mapped in one piece with the access, or not aligned
     */
    ByteBuffer ring(long iova, int lengthBytes, int alignment, boolean toWrite) throws VringException {
        if ((iova & (alignment - 1)) != 0) {
            throw new VringException(VringFault.RING_MISALIGNED, "0x" + Long.toHexString(iova));
        }
        ScatterList place = new ScatterList(1);
        if (!resolve(iova, lengthBytes, toWrite, place)) {
            throw new VringException(VringFault.RING_NOT_MAPPED, "0x" + Long.toHexString(iova) + "+" + lengthBytes);
        }
        ByteBuffer view = place.memory(0).nioBuffer(place.offset(0), lengthBytes);
        if (!view.isDirect() || view.alignmentOffset(0, alignment) != 0) {
            throw new VringException(VringFault.RING_MISALIGNED, "0x" + Long.toHexString(iova) + " as mapped");
        }
        return view;
    }

    private Region find(long iova, long lengthBytes) {
        Region hit = latest;
        if (hit != null && hit.contains(iova, lengthBytes)) {
            return hit;
        }
        hit = search(iova, lengthBytes);
        if (hit == null && !isKnown(iova) && source.addRegionOf(iova, this)) {
            hit = search(iova, lengthBytes);
        }
        if (hit != null) {
            latest = hit;
        }
        return hit;
    }

    private Region search(long iova, long lengthBytes) {
        for (int i = 0; i < regions.size(); i++) {
            if (regions.get(i).contains(iova, lengthBytes)) {
                return regions.get(i);
            }
        }
        return null;
    }

    private boolean isKnown(long iova) {
        return search(iova, 1) != null;
    }

    /** A run of addresses with one permission. */
    @ConfinedTo(LoopKind.DATA)
    private static final class Region {
        private final long iova;
        private final long lengthBytes;
        private final Access access;
        private final ByteBuf[] windows;

        Region(long iova, long lengthBytes, Access access, ByteBuf[] windows) {
            long covered = 0;
            for (int i = 0; i < windows.length; i++) {
                int capacity = windows[i].capacity();
                if (capacity > WINDOW_BYTES || (i < windows.length - 1 && capacity != WINDOW_BYTES)) {
                    throw new IllegalArgumentException("window " + i + " has " + capacity + " bytes");
                }
                covered += capacity;
            }
            boolean wraps = Long.compareUnsigned(iova + lengthBytes - 1, iova) < 0;
            if (lengthBytes <= 0 || covered != lengthBytes || wraps) {
                throw new IllegalArgumentException("windows of " + covered + " bytes for a region of " + lengthBytes
                        + " bytes at 0x" + Long.toHexString(iova));
            }
            this.iova = iova;
            this.lengthBytes = lengthBytes;
            this.access = access;
            this.windows = windows;
        }

        /** Takes an address below the region for one far above it: the difference is looked at as unsigned. */
        boolean contains(long address, long length) {
            long offset = address - iova;
            return offset >= 0 && offset < lengthBytes && length <= lengthBytes - offset;
        }

        boolean overlaps(Region other) {
            return contains(other.iova, 1) || other.contains(iova, 1);
        }

        boolean append(long address, long length, ScatterList out) {
            long offset = address - iova;
            long left = length;
            while (left > 0) {
                ByteBuf window = windows[(int) (offset >>> WINDOW_SHIFT)];
                int index = (int) (offset & (WINDOW_BYTES - 1));
                int piece = (int) Math.min(left, window.capacity() - index);
                if (out.isFull()) {
                    return false;
                }
                out.add(window, index, piece);
                offset += piece;
                left -= piece;
            }
            return true;
        }
    }
}
