package io.ashlar.vduse.vring;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;

/**
 * The driver side of a split virtqueue, written from virtio 1.2, 2.7 alone: it shares no code or constant with the device side
 * that it tests. Rings lie at the start of a piece of memory; nothing is allocated unless a list of pieces is offered.
 */
public final class DriverModel {
    /** Descriptor flags (2.7.5). */
    public static final int F_NEXT = 1;
    /** Device-writable. */
    public static final int F_WRITE = 2;
    /** Table of descriptors. */
    public static final int F_INDIRECT = 4;

    private static final VarHandle U16 = MethodHandles.byteBufferViewVarHandle(short[].class, ByteOrder.LITTLE_ENDIAN);

    private final ByteBuffer memory;
    private final long iova;
    private final int num;
    private final boolean eventIdx;
    private final int availAt;
    private final int usedAt;
    private final int[] freeStack;
    private final int[] nextOf;
    private int freeCount;
    private int availIdx;
    private int availIdxShown;
    private int usedSeen;
    private int usedId;
    private int usedLen;

    /** A piece of memory in a chain. */
    public record Piece(long iova, int length, boolean writable) {}

    /** Lays the rings out at the start of the memory, whose first byte has the address, with running indexes at {@code start}. */
    public DriverModel(ByteBuffer memory, long iova, int num, boolean eventIdx, int start) {
        this.memory = memory.order(ByteOrder.LITTLE_ENDIAN);
        this.iova = iova;
        this.num = num;
        this.eventIdx = eventIdx;
        availAt = 16 * num;
        usedAt = (availAt + 6 + 2 * num + 3) & ~3;
        freeStack = new int[num];
        nextOf = new int[num];
        restart(start);
    }

    /** Bytes that the rings of this many entries take at most. */
    public static int bytes(int num) {
        return (16 * num + 2 * num + 8 * num + 16 + 63) & ~63;
    }

    /** Makes the rings new, all descriptors free. */
    public void restart(int start) {
        for (int i = 0; i < bytes(num); i++) {
            memory.put(i, (byte) 0);
        }
        for (int i = 0; i < num; i++) {
            freeStack[i] = num - 1 - i;
        }
        freeCount = num;
        availIdx = start & 0xFFFF;
        availIdxShown = availIdx;
        usedSeen = availIdx;
        memory.putShort(availAt + 2, (short) start);
        memory.putShort(usedAt + 2, (short) start);
        memory.putShort(availAt + 4 + 2 * num, (short) start);
        memory.putShort(usedAt + 4 + 8 * num, (short) start);
    }

    /** Where the device finds the rings. */
    public VringLayout layout() {
        return new VringLayout(num, iova, iova + availAt, iova + usedAt);
    }

    /** The memory of the rings. */
    public ByteBuffer memory() {
        return memory;
    }

    /** Offset of the avail ring in the memory. */
    public int availAt() {
        return availAt;
    }

    /** Offset of the used ring in the memory. */
    public int usedAt() {
        return usedAt;
    }

    /** Descriptors that are in no chain. */
    public int freeCount() {
        return freeCount;
    }

    /** Writes one descriptor of the table. */
    public void descriptor(int index, long address, int length, int flags, int next) {
        descriptor(memory, 16 * index, address, length, flags, next);
    }

    /** Writes one descriptor anywhere. */
    public static void descriptor(ByteBuffer table, int at, long address, int length, int flags, int next) {
        table.putLong(at, address);
        table.putInt(at + 8, length);
        table.putShort(at + 12, (short) flags);
        table.putShort(at + 14, (short) next);
    }

    /** Takes a free descriptor as a chain of its own. */
    public int take() {
        int index = freeStack[--freeCount];
        nextOf[index] = -1;
        return index;
    }

    /** Builds a chain of direct descriptors; returns its head. */
    public int chain(List<Piece> pieces) {
        return chain(pieces, 0, null, 0);
    }

    /**
     * Builds a chain: the first {@code direct} pieces as direct descriptors and, if a table is given, all others behind them in an
     * indirect table; returns its head.
     */
    public int chain(List<Piece> pieces, int direct, ByteBuffer table, long tableIova) {
        int directCount = table == null ? pieces.size() : direct;
        int head = take();
        int index = head;
        for (int i = 0; i < directCount; i++) {
            Piece piece = pieces.get(i);
            boolean last = table == null && i == directCount - 1;
            int next = last ? -1 : take();
            nextOf[index] = next;
            int flags = (piece.writable ? F_WRITE : 0) | (last ? 0 : F_NEXT);
            descriptor(index, piece.iova, piece.length, flags, last ? 0x7777 : next);
            index = next;
        }
        if (table != null) {
            int entries = pieces.size() - direct;
            for (int i = 0; i < entries; i++) {
                Piece piece = pieces.get(direct + i);
                int flags = (piece.writable ? F_WRITE : 0) | (i == entries - 1 ? 0 : F_NEXT);
                descriptor(table, 16 * i, piece.iova, piece.length, flags, i == entries - 1 ? 0x7777 : i + 1);
            }
            descriptor(index, tableIova, 16 * entries, F_INDIRECT, 0x7777);
        }
        return head;
    }

    /** Puts a chain in the next entry of the avail ring; unseen until {@link #show}. */
    public void offer(int head) {
        memory.putShort(availAt + 4 + 2 * (availIdx % num), (short) head);
        availIdx = (availIdx + 1) & 0xFFFF;
    }

    /** Shows the device what has been offered; returns whether it wants a kick. */
    public boolean show() {
        int old = availIdxShown;
        availIdxShown = availIdx;
        U16.setRelease(memory, availAt + 2, (short) availIdx);
        VarHandle.fullFence();
        if (!eventIdx) {
            return ((short) U16.getOpaque(memory, usedAt) & 1) == 0;
        }
        int event = (short) U16.getOpaque(memory, usedAt + 4 + 8 * num) & 0xFFFF;
        return passed(event, availIdx, old);
    }

    /** Whether moving an index from old to new passes the event (2.7.7, 2.7.10). */
    static boolean passed(int event, int now, int old) {
        return ((now - event - 1) & 0xFFFF) < ((now - old) & 0xFFFF);
    }

    /** Takes one used element; returns false if there is none. Its chain's descriptors are free again. */
    public boolean poll() {
        int idx = (short) U16.getAcquire(memory, usedAt + 2) & 0xFFFF;
        if (idx == usedSeen) {
            return false;
        }
        int at = usedAt + 4 + 8 * (usedSeen % num);
        usedId = memory.getInt(at);
        usedLen = memory.getInt(at + 4);
        usedSeen = (usedSeen + 1) & 0xFFFF;
        int index = usedId;
        while (index >= 0) {
            int next = nextOf[index];
            freeStack[freeCount++] = index;
            index = next;
        }
        return true;
    }

    /** The id of the element polled last. */
    public int usedId() {
        return usedId;
    }

    /** The length of the element polled last. */
    public int usedLen() {
        return usedLen;
    }

    /** The used index as the device shows it. */
    public int usedIdx() {
        return (short) U16.getAcquire(memory, usedAt + 2) & 0xFFFF;
    }

    /** Asks for no calls. */
    public void disableCalls() {
        if (!eventIdx) {
            U16.setOpaque(memory, availAt, (short) 1);
        }
    }

    /** Asks for a call with the next element; returns whether one is there already. */
    public boolean enableCalls() {
        if (eventIdx) {
            U16.setOpaque(memory, availAt + 4 + 2 * num, (short) usedSeen);
        } else {
            U16.setOpaque(memory, availAt, (short) 0);
        }
        VarHandle.fullFence();
        return usedIdx() != usedSeen;
    }
}
