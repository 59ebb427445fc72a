package io.ashlar.vduse.vring;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * A table of descriptors: the queue's own in shared memory, or a private copy of an indirect one (virtio 1.2, 2.7.5).
 *
 * <pre>
 *   0 u64 addr | 8 u32 len | 12 u16 flags | 14 u16 next        little-endian, 16 bytes
 * </pre>
 *
 * Plain reads suffice: the acquire read of avail.idx comes before them. The driver may change a descriptor at any time,
 * so each field is read once, into a {@link DescriptorChain}, and checked there.
 */
@ConfinedTo(LoopKind.DATA)
final class DescriptorTable {
    /** sizeof(struct virtq_desc). */
    static final int ENTRY_BYTES = 16;
    /** VIRTQ_DESC_F_NEXT: the chain goes on at next. */
    static final int NEXT = 1;
    /** VIRTQ_DESC_F_WRITE: device-writable, else device-readable. */
    static final int WRITE = 2;
    /** VIRTQ_DESC_F_INDIRECT: the memory holds a table of descriptors. */
    static final int INDIRECT = 4;

    private static final int LENGTH_OFFSET = 8;
    private static final int FLAGS_OFFSET = 12;
    private static final int NEXT_OFFSET = 14;

    private final ByteBuffer memory;

    DescriptorTable(ByteBuffer memory) {
        this.memory = memory.order(ByteOrder.LITTLE_ENDIAN);
    }

    long address(int index) {
        return memory.getLong(index * ENTRY_BYTES);
    }

    long lengthBytes(int index) {
        return Integer.toUnsignedLong(memory.getInt(index * ENTRY_BYTES + LENGTH_OFFSET));
    }

    int flags(int index) {
        return memory.getShort(index * ENTRY_BYTES + FLAGS_OFFSET) & 0xFFFF;
    }

    int next(int index) {
        return memory.getShort(index * ENTRY_BYTES + NEXT_OFFSET) & 0xFFFF;
    }
}
