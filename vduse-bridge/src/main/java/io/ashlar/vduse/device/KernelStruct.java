package io.ashlar.vduse.device;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;

/**
 * Memory laid out as a C structure that an ioctl, read or write takes by address. All fields are little-endian, as on
 * every machine we support. Allocated once by its user, zeroed, and released with {@link #close()}.
 */
@ConfinedTo(LoopKind.OWNER)
public abstract class KernelStruct implements AutoCloseable {
    /** The structure's bytes; indexes are offsets in it. */
    final ByteBuf memory;

    KernelStruct(int sizeBytes) {
        memory = Unpooled.directBuffer(sizeBytes, sizeBytes).setZero(0, sizeBytes);
    }

    /** Returns the structure's address. */
    final long address() {
        return memory.memoryAddress();
    }

    /** Returns the structure's size in bytes. */
    final int sizeBytes() {
        return memory.capacity();
    }

    /** Sets every byte to zero. */
    final void clear() {
        memory.setZero(0, memory.capacity());
    }

    @Override
    public final void close() {
        memory.release();
    }
}
