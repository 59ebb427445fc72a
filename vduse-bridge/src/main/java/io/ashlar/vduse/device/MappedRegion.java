package io.ashlar.vduse.device;

import io.ashlar.base.annotation.ThreadSafe;
import io.ashlar.base.sys.Linux;
import io.ashlar.base.sys.MemoryGuard;
import io.ashlar.vduse.vring.Access;
import io.ashlar.vduse.vring.MemoryMap;
import io.netty.buffer.ByteBuf;
import java.nio.ByteBuffer;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * A region of the driver's memory mapped into this process. Its bytes are never touched except where a descriptor
 * points: pages of the bounce window that the driver has not used do not exist, and touching one kills the process.
 *
 * <p>Counted: every view holds a reference until none of its requests can touch the memory any more; the last one
 * unmaps. A region may be <em>severed</em> before that: private memory takes its place at the same addresses, so that
 * requests which can't be called back (queued in a socket, waiting for a node) go on with their own bytes and can
 * neither read nor write the driver's memory.
 */
@ThreadSafe
public final class MappedRegion {
    private final long iova;
    private final long lengthBytes;
    private final long address;
    private final Mapping mapping;
    private final Access access;
    private final AtomicInteger references = new AtomicInteger(1);

    /**
     * A mapping of this process, as it was made and gets unmapped.
     *
     * @param guard its entry in the {@link MemoryGuard}, or -1 where its file can't shrink
     */
    public record Mapping(long address, long lengthBytes, int guard) {}

    /** Takes over a mapping that is just the region; the creator holds the first reference. */
    MappedRegion(long iova, long lengthBytes, long address, Access access) {
        this(iova, lengthBytes, address, new Mapping(address, lengthBytes, -1), access);
    }

    /** Takes over a mapping that holds the region, which starts at the address; the creator holds the first reference. */
    public MappedRegion(long iova, long lengthBytes, long address, Mapping mapping, Access access) {
        this.iova = iova;
        this.lengthBytes = lengthBytes;
        this.address = address;
        this.mapping = mapping;
        this.access = access;
    }

    /** Returns whether the I/O virtual address lies in it. */
    boolean contains(long wanted) {
        return Long.compareUnsigned(wanted - iova, lengthBytes) < 0;
    }

    /** Returns whether it shares an address with the inclusive range. */
    boolean overlaps(long start, long last) {
        return Long.compareUnsigned(iova, last) <= 0 && Long.compareUnsigned(iova + lengthBytes - 1, start) >= 0;
    }

    /** Adds it to a map, wrapped in buffers of that map's own. The map's owner holds a reference meanwhile. */
    void addTo(MemoryMap map) {
        int count = (int) ((lengthBytes + MemoryMap.WINDOW_BYTES - 1) >>> MemoryMap.WINDOW_SHIFT);
        ByteBuf[] windows = new ByteBuf[count];
        for (int i = 0; i < count; i++) {
            long start = (long) i << MemoryMap.WINDOW_SHIFT;
            windows[i] = Linux.wrap(address + start, (int) Math.min(lengthBytes - start, MemoryMap.WINDOW_BYTES));
        }
        map.add(iova, lengthBytes, access, windows);
    }

    /** Takes one more reference; the caller knows that somebody else holds one. */
    void retain() {
        references.incrementAndGet();
    }

    /** Gives a reference back; the last one unmaps. */
    public void release() {
        if (references.decrementAndGet() == 0) {
            MemoryGuard.get().release(mapping.guard());
            Linux.unmap(mapping.address(), mapping.lengthBytes());
        }
    }

    /** Returns its first bytes, for as long as the caller holds a reference. */
    public ByteBuffer bytes(int count) {
        return Linux.wrapNio(address, count);
    }

    /** Returns whether its file has shrunk, so that private memory has taken its place. */
    public boolean vanished() {
        return MemoryGuard.get().vanished(mapping.guard());
    }

    /** Returns whether anyone but the caller, who holds one reference, still refers to it. */
    boolean isShared() {
        return references.get() > 1;
    }

    /** Prepares private memory to take this region's place. */
    Severance prepareToSever() throws VduseException {
        long copy = Linux.mapAnonymous(mapping.lengthBytes());
        if (copy < 0) {
            throw new VduseException("no address space to detach requests from the driver's memory", copy);
        }
        return new Severance(copy);
    }

    /** Private memory that is about to replace the region. */
    final class Severance {
        private final long copy;

        private Severance(long copy) {
            this.copy = copy;
        }

        /** Keeps the bytes at a place of the region, as far as it lies in it; for the data of writes in flight. */
        void keep(long from, int length) {
            if (from >= address && from + length <= address + lengthBytes) {
                Linux.wrap(copy + (from - mapping.address()), length).setBytes(0, Linux.wrap(from, length), 0, length);
            }
        }

        /** Replaces the region's memory, for all threads at once. */
        void commit() throws VduseException {
            int result = Linux.moveMapping(copy, mapping.lengthBytes(), mapping.address());
            if (result < 0) {
                Linux.unmap(copy, mapping.lengthBytes());
                throw new VduseException("can't detach requests from the driver's memory", result);
            }
        }
    }
}
