package io.ashlar.vduse.inflight;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * Simulated log memory: the process that writes to it can be killed before any store, watched at each, and made to leave a kind of
 * store out or to make it one store too late.
 */
final class CutMemory implements LogMemory {
    /** The stores of the protocol, as they are numbered in {@link QueueRegion}. */
    enum Store {
        COUNTER,
        SET_INFLIGHT,
        NEXT,
        LAST_BATCH_HEAD,
        CLEAR_INFLIGHT,
        USED_IDX
    }

    /** The process ends here. */
    static final class Killed extends RuntimeException {
        private static final long serialVersionUID = 1L;

        Killed() {
            super("killed", null, false, false);
        }
    }

    final ByteBuffer bytes;
    /** How many stores are made before the process is killed; -1 for never. */
    int storesLeft = -1;
    /** Runs before each store. */
    Runnable watcher = () -> {};

    private Store omitted;
    private Store late;
    private Runnable lateStore;

    CutMemory(int capacity) {
        bytes = ByteBuffer.allocate(QueueRegion.bytes(capacity)).order(ByteOrder.LITTLE_ENDIAN);
    }

    /** Leaves one kind of store out, and makes another one behind the store that follows it; null for none. */
    void misbehave(Store toOmit, Store toMakeLate) {
        omitted = toOmit;
        late = toMakeLate;
        lateStore = null;
    }

    /** Makes the content that of another memory, and the process immortal. */
    CutMemory becomeLike(ByteBuffer other) {
        bytes.put(0, other, 0, bytes.capacity());
        storesLeft = -1;
        return this;
    }

    @Override
    public int load16(int offset) {
        return bytes.getShort(offset) & 0xFFFF;
    }

    @Override
    public long load64(int offset) {
        return bytes.getLong(offset);
    }

    @Override
    public void store16(int offset, int value) {
        store(kind(offset, value), () -> bytes.putShort(offset, (short) value));
    }

    @Override
    public void store64(int offset, long value) {
        store(
                offset % QueueRegion.ENTRY_BYTES == QueueRegion.COUNTER ? Store.COUNTER : null,
                () -> bytes.putLong(offset, value));
    }

    private static Store kind(int offset, int value) {
        if (offset < QueueRegion.HEADER_BYTES) {
            return offset == QueueRegion.USED_IDX
                    ? Store.USED_IDX
                    : offset == QueueRegion.LAST_BATCH_HEAD ? Store.LAST_BATCH_HEAD : null;
        }
        return offset % QueueRegion.ENTRY_BYTES == QueueRegion.NEXT
                ? Store.NEXT
                : value == 1 ? Store.SET_INFLIGHT : Store.CLEAR_INFLIGHT;
    }

    private void store(Store kind, Runnable effect) {
        Runnable before = lateStore;
        lateStore = null;
        if (kind != null && kind == late) {
            lateStore = effect;
        } else if (kind == null || kind != omitted) {
            make(effect);
        }
        if (before != null) {
            make(before);
        }
    }

    private void make(Runnable effect) {
        watcher.run();
        if (storesLeft == 0) {
            throw new Killed();
        }
        storesLeft--;
        effect.run();
    }
}
