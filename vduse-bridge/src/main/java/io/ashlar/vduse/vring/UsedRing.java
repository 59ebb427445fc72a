package io.ashlar.vduse.vring;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * The ring in which the device hands chains back; the driver only reads it (virtio 1.2, 2.7.8).
 *
 * <pre>
 *   0 u16 flags | 2 u16 idx | 4 {u32 id, u32 len} ring[size] | 4+8·size u16 avail_event        little-endian
 * </pre>
 */
@ConfinedTo(LoopKind.DATA)
final class UsedRing {
    /** VIRTQ_USED_F_NO_NOTIFY: the device wants no kicks (virtio 1.2, 2.7.10). */
    private static final short NO_NOTIFY = 1;

    private static final int FLAGS_OFFSET = 0;
    private static final int INDEX_OFFSET = 2;
    private static final int RING_OFFSET = 4;
    private static final int ENTRY_BYTES = 8;
    private static final VarHandle U16 = MethodHandles.byteBufferViewVarHandle(short[].class, ByteOrder.LITTLE_ENDIAN);

    private final ByteBuffer memory;
    private final int mask;

    UsedRing(ByteBuffer memory, int size) {
        this.memory = memory.order(ByteOrder.LITTLE_ENDIAN);
        mask = size - 1;
    }

    /** Fills the entry for a free-running index; unseen by the driver until {@link #publish}. */
    void set(int index, int head, int writtenBytes) {
        int entry = RING_OFFSET + ENTRY_BYTES * (index & mask);
        memory.putInt(entry, head);
        memory.putInt(entry + 4, writtenBytes);
    }

    /**
     * Hands all entries before the index to the driver. Release: what was written to entries and buffers before is seen by
     * a driver that sees the index (virtio 1.2, 2.7.8.2).
     */
    void publish(int index) {
        U16.setRelease(memory, INDEX_OFFSET, (short) index);
    }

    /** Returns idx: where an earlier owner of the queue got to. */
    int index() {
        return (short) U16.getAcquire(memory, INDEX_OFFSET) & 0xFFFF;
    }

    /** Returns the id in the element for a free-running index; the driver may have changed it. */
    int id(int index) {
        return memory.getInt(RING_OFFSET + ENTRY_BYTES * (index & mask));
    }

    /** Asks the driver for kicks, or to leave them out, by flag; needs {@link #fence()} behind it before a re-check. */
    void setKicksDisabled(boolean disabled) {
        U16.setOpaque(memory, FLAGS_OFFSET, disabled ? NO_NOTIFY : (short) 0);
    }

    /** Asks for a kick once the avail entry of this index is offered; needs {@link #fence()} before a re-check. */
    void setAvailEvent(int index) {
        U16.setOpaque(memory, RING_OFFSET + ENTRY_BYTES * (mask + 1), (short) index);
    }

    /**
     * Orders our stores before our later loads, which neither release nor acquire does. Needed twice, each time against the
     * driver doing the mirror image (virtio 1.2, 2.7.7.2 and 2.7.10.1): between publishing used.idx and reading used_event
     * or avail.flags, and between asking for kicks and reading avail.idx again. Without either, {@code LostWakeupTest} fails with both sides asleep.
     */
    static void fence() {
        VarHandle.fullFence();
    }
}
