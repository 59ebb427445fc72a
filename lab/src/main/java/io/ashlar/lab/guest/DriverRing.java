package io.ashlar.lab.guest;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * The driver's side of one split virtqueue (virtio 1.2, 2.7) with EVENT_IDX. Every request has a slot, and a slot three
 * descriptors of its own: header, data, status. It looks at the used ring only when it has been called, as drivers do: a call
 * that gets lost shows.
 */
@ConfinedTo(LoopKind.OWNER)
public final class DriverRing {
    /** Entries of the ring. */
    static final int SIZE = 256;
    /** Requests at a time. */
    public static final int SLOTS = 64;

    private static final int DESCRIPTORS = 3;
    private static final int F_NEXT = 1;
    private static final int F_WRITE = 2;
    private static final int AVAIL_AT = 16 * SIZE;
    /** The avail ring has three fields of two bytes besides its entries; the used ring is aligned to four. */
    private static final int USED_AT = (AVAIL_AT + 6 + 2 * SIZE + 3) & ~3;
    /** Bytes of memory that it takes. */
    static final int BYTES = 8192;

    private static final VarHandle U16 = MethodHandles.byteBufferViewVarHandle(short[].class, ByteOrder.LITTLE_ENDIAN);

    private final ByteBuffer memory;
    private final long guest;
    private int availIdx;
    private int shownIdx;
    private int usedSeen;
    private boolean asleep;

    /**
     * Lays it out, empty.
     *
     * @param memory its {@link #BYTES}, zeroed
     * @param guest the guest's address of the first
     */
    DriverRing(ByteBuffer memory, long guest) {
        this.memory = memory.order(ByteOrder.LITTLE_ENDIAN);
        this.guest = guest;
    }

    long descriptors() {
        return guest;
    }

    long avail() {
        return guest + AVAIL_AT;
    }

    long used() {
        return guest + USED_AT;
    }

    /** Offers a request; unseen until {@link #show}. */
    void offer(int slot, long header, int headerBytes, long data, int dataBytes, boolean read, long status) {
        int head = DESCRIPTORS * slot;
        boolean hasData = dataBytes > 0;
        descriptor(head, header, headerBytes, F_NEXT, hasData ? head + 1 : head + 2);
        descriptor(head + 1, data, dataBytes, F_NEXT | (read ? F_WRITE : 0), head + 2);
        descriptor(head + 2, status, 1, F_WRITE, 0);
        memory.putShort(AVAIL_AT + 4 + 2 * (availIdx % SIZE), (short) head);
        availIdx = (availIdx + 1) & 0xFFFF;
    }

    private void descriptor(int index, long address, int length, int flags, int next) {
        int at = 16 * index;
        memory.putLong(at, address).putInt(at + 8, length);
        memory.putShort(at + 12, (short) flags).putShort(at + 14, (short) next);
    }

    /** Shows the device what has been offered; returns whether it wants a kick. */
    boolean show() {
        if (shownIdx == availIdx) {
            return false;
        }
        int old = shownIdx;
        shownIdx = availIdx;
        U16.setRelease(memory, AVAIL_AT + 2, (short) availIdx);
        VarHandle.fullFence();
        int event = (short) U16.getOpaque(memory, USED_AT + 4 + 8 * SIZE) & 0xFFFF;
        return ((availIdx - event - 1) & 0xFFFF) < ((availIdx - old) & 0xFFFF);
    }

    /** Returns the slot of an answer, -1 if there is none or none has been told of, -2 for one that makes no sense. */
    public int poll() {
        if (asleep) {
            return -1;
        }
        if (usedIdx() == usedSeen) {
            sleep();
            return -1;
        }
        int id = memory.getInt(USED_AT + 4 + 8 * (usedSeen % SIZE));
        usedSeen = (usedSeen + 1) & 0xFFFF;
        return id >= 0 && id < DESCRIPTORS * SLOTS && id % DESCRIPTORS == 0 ? id / DESCRIPTORS : -2;
    }

    /** Asks for a call, and sleeps until {@link #called} unless something has come meanwhile. */
    private void sleep() {
        U16.setOpaque(memory, AVAIL_AT + 4 + 2 * SIZE, (short) usedSeen);
        VarHandle.fullFence();
        asleep = usedIdx() == usedSeen;
    }

    /** The device has called. */
    public void called() {
        asleep = false;
    }

    /** Returns whether it waits for a call. */
    public boolean isAsleep() {
        return asleep;
    }

    /** The used index as the device shows it; a back end that starts with nothing in flight begins there. */
    int usedIdx() {
        return (short) U16.getAcquire(memory, USED_AT + 2) & 0xFFFF;
    }

    /** Returns whether there is an answer that nobody has been called for. */
    public boolean hasUnseen() {
        return usedIdx() != usedSeen;
    }
}
