package io.ashlar.vduse.vring;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * The ring in which the driver offers chains; the device only reads it (virtio 1.2, 2.7.6).
 *
 * <pre>
 *   0 u16 flags | 2 u16 idx | 4 u16 ring[size] | 4+2·size u16 used_event        little-endian
 * </pre>
 */
@ConfinedTo(LoopKind.DATA)
final class AvailRing {
    /** VIRTQ_AVAIL_F_NO_INTERRUPT: the driver wants no calls (virtio 1.2, 2.7.7). */
    private static final int NO_INTERRUPT = 1;

    private static final int FLAGS_OFFSET = 0;
    private static final int INDEX_OFFSET = 2;
    private static final int RING_OFFSET = 4;
    private static final VarHandle U16 = MethodHandles.byteBufferViewVarHandle(short[].class, ByteOrder.LITTLE_ENDIAN);

    private final ByteBuffer memory;
    private final int mask;

    AvailRing(ByteBuffer memory, int size) {
        this.memory = memory;
        mask = size - 1;
    }

    /**
     * Returns idx. Acquire: entries and descriptors read later are those that the driver wrote before it released this
     * index (virtio 1.2, 2.7.13.3).
     */
    int index() {
        return (short) U16.getAcquire(memory, INDEX_OFFSET) & 0xFFFF;
    }

    /** Returns the head in the entry for a free-running index; ordered by {@link #index()}. */
    int head(int index) {
        return (short) U16.get(memory, RING_OFFSET + 2 * (index & mask)) & 0xFFFF;
    }

    /**
     * Returns whether the driver wants no calls, by flag. Opaque: the {@link UsedRing#fence()} before it orders it (virtio
     * 1.2, 2.7.7.2).
     */
    boolean callsDisabled() {
        return ((short) U16.getOpaque(memory, FLAGS_OFFSET) & NO_INTERRUPT) != 0;
    }

    /** Returns used_event: the driver wants a call once this used entry is filled. Opaque, as above. */
    int usedEvent() {
        return (short) U16.getOpaque(memory, RING_OFFSET + 2 * (mask + 1)) & 0xFFFF;
    }
}
