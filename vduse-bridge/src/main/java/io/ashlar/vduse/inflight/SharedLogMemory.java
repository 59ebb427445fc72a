package io.ashlar.vduse.inflight;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * Log memory in a mapping. Each store is a release: the compiler moves no earlier store behind it, whether to the log, to a
 * ring or to a buffer. A process that is killed has then done a beginning of its stores, and all it has done is seen by
 * whoever maps the memory next; no fence of the processor is needed, since nobody looks while it lives.
 */
@ConfinedTo(LoopKind.DATA)
final class SharedLogMemory implements LogMemory {
    private static final VarHandle U16 = MethodHandles.byteBufferViewVarHandle(short[].class, ByteOrder.LITTLE_ENDIAN);
    private static final VarHandle U64 = MethodHandles.byteBufferViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

    private final ByteBuffer memory;

    SharedLogMemory(ByteBuffer memory) {
        this.memory = memory;
    }

    @Override
    public int load16(int offset) {
        return (short) U16.getAcquire(memory, offset) & 0xFFFF;
    }

    @Override
    public long load64(int offset) {
        return (long) U64.getAcquire(memory, offset);
    }

    @Override
    public void store16(int offset, int value) {
        U16.setRelease(memory, offset, (short) value);
    }

    @Override
    public void store64(int offset, long value) {
        U64.setRelease(memory, offset, value);
    }
}
