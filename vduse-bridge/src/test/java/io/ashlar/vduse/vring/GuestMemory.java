package io.ashlar.vduse.vring;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;

/**
 * A driver's memory for tests: regions at chosen addresses inside one allocation, each with guard areas around it that nobody
 * may touch.
 */
public final class GuestMemory {
    private static final int GUARD_BYTES = 256;
    private static final long CANARY = 0x5AFE_C0DE_DEAD_BEEFL;

    private final ByteBuffer all;
    private final List<Region> regions = new ArrayList<>();
    private int end;

    /** A region: its first address, its bytes, and where it lies in the allocation. */
    private record Region(long iova, int lengthBytes, Access access, int start) {}

    /** Allocates room for regions of {@code capacityBytes} in total. */
    public GuestMemory(int capacityBytes) {
        all = ByteBuffer.allocateDirect(capacityBytes + 16 * GUARD_BYTES + 4096).order(ByteOrder.LITTLE_ENDIAN);
        end = all.alignmentOffset(0, 64) == 0 ? 0 : 64 - all.alignmentOffset(0, 64);
        guard();
    }

    /** Adds a region; its length is a multiple of 64. */
    public GuestMemory region(long iova, int lengthBytes, Access access) {
        regions.add(new Region(iova, lengthBytes, access, end));
        end += lengthBytes;
        guard();
        return this;
    }

    private void guard() {
        for (int i = 0; i < GUARD_BYTES; i += 8) {
            all.putLong(end + i, CANARY);
        }
        end += GUARD_BYTES;
    }

    /** Returns whether every byte outside the regions is as it was. */
    public boolean guardsIntact() {
        int at = regions.get(0).start - GUARD_BYTES;
        for (Region region : regions) {
            for (; at < region.start; at += 8) {
                if (all.getLong(at) != CANARY) {
                    return false;
                }
            }
            at = region.start + region.lengthBytes;
        }
        for (; at < end; at += 8) {
            if (all.getLong(at) != CANARY) {
                return false;
            }
        }
        return true;
    }

    /** Returns a map of all regions, as a loop would make it. */
    public MemoryMap map() {
        MemoryMap map = new MemoryMap(RegionSource.NONE);
        for (Region region : regions) {
            ByteBuffer view = all.slice(region.start, region.lengthBytes);
            ByteBuf window = Unpooled.wrappedBuffer(view);
            map.add(region.iova, region.lengthBytes, region.access, window);
        }
        return map;
    }

    /** Returns the memory of the region that starts at the address. */
    public ByteBuffer at(long iova) {
        for (Region region : regions) {
            if (region.iova == iova) {
                return all.slice(region.start, region.lengthBytes).order(ByteOrder.LITTLE_ENDIAN);
            }
        }
        throw new IllegalArgumentException("no region at 0x" + Long.toHexString(iova));
    }
}
