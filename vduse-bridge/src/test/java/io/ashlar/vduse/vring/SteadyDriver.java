package io.ashlar.vduse.vring;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.nio.ByteBuffer;

/**
 * A driver for measuring: a fixed set of 4 KiB requests, each three direct descriptors, offered again and again without
 * allocating or building anything.
 */
public final class SteadyDriver {
    /** Bytes of each request's data. */
    public static final int DATA_BYTES = 4096;

    private static final int STRIDE = 2 * 4096;
    private static final int NUM = 256;

    private final int depth;
    private final DriverModel rings;
    private final MemoryMap map;

    /** Makes {@code depth} requests (at most 64) of a type: 0 reads, 1 writes. */
    public SteadyDriver(int depth, int type, boolean eventIdx) {
        this.depth = depth;
        ByteBuffer memory = ByteBuffer.allocateDirect(64 * STRIDE + 16384).alignedSlice(64);
        int size = memory.capacity() & -64;
        rings = new DriverModel(memory.slice(0, 8192), 0, NUM, eventIdx, 0);
        map = new MemoryMap(RegionSource.NONE);
        ByteBuf window = Unpooled.wrappedBuffer(memory.slice(0, size));
        map.add(0, size, Access.READ_WRITE, window);
        for (int i = 0; i < depth; i++) {
            int at = 8192 + i * STRIDE;
            window.setIntLE(at, type);
            window.setLongLE(at + 8, i * 8L);
            rings.descriptor(3 * i, at, 16, DriverModel.F_NEXT, 3 * i + 1);
            int flags = DriverModel.F_NEXT | (type == 0 ? DriverModel.F_WRITE : 0);
            rings.descriptor(3 * i + 1, at + 4096, DATA_BYTES, flags, 3 * i + 2);
            rings.descriptor(3 * i + 2, at + 1024, 1, DriverModel.F_WRITE, 0);
        }
        while (rings.freeCount() > 0) {
            rings.take();
        }
    }

    /** Where the rings are. */
    public VringLayout layout() {
        return rings.layout();
    }

    /** The driver's memory. */
    public MemoryMap map() {
        return map;
    }

    /** Offers all requests; returns whether a kick is wanted. */
    public boolean offerAll() {
        for (int i = 0; i < depth; i++) {
            rings.offer(3 * i);
        }
        return rings.show();
    }

    /** Takes what has been answered; returns how many. */
    public int reap() {
        int count = 0;
        while (rings.poll()) {
            rings.take();
            count++;
        }
        rings.enableCalls();
        return count;
    }
}
