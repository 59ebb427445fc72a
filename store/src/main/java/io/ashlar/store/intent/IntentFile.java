package io.ashlar.store.intent;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.checksum.Crc32c;
import io.ashlar.store.file.Scratch;
import io.ashlar.store.file.StorageFile;
import io.ashlar.store.file.StoreException;
import io.ashlar.store.format.IntentSector;
import io.ashlar.store.meter.StoreCounters;
import io.netty.buffer.ByteBuf;
import java.util.Arrays;
import java.util.BitSet;

/**
 * The file of a volume's write intents ({@link IntentSector}), held in memory and written sector by sector. Used by one
 * thread at a time.
 */
@ConfinedTo(LoopKind.POOL)
public final class IntentFile {
    private final StorageFile file;
    private final long[] slots;
    private final long[] sequences;
    private final BitSet changed;
    private final ByteBuf sector = Scratch.allocate(IntentSector.BYTES);
    private final Crc32c crc = new Crc32c();
    private int damagedCopies;
    private boolean usable = true;

    /** Takes over an open file for so many slots. */
    public IntentFile(StorageFile file, int slotCount) {
        this.file = file;
        slots = new long[slotCount];
        sequences = new long[IntentSector.count(slotCount)];
        changed = new BitSet(sequences.length);
    }

    /** Writes a new table without marks; durable on return. */
    public void create() throws StoreException {
        for (int copy = 0; copy < 2; copy++) {
            changed.set(0, sequences.length);
            if (!writeChanged()) {
                throw new StoreException("can't write the write intents");
            }
        }
        int result = file.syncData();
        if (result < 0) {
            throw new StoreException("can't sync the write intents", -result);
        }
    }

    /**
     * Reads the table: of each sector the newer valid copy. A sector of which a copy can't be read, for it may be the newer
     * one, or neither is valid, may have held any marks: it is lost, and the table can't be used.
     */
    public void load() {
        for (int i = 0; i < sequences.length; i++) {
            boolean readable = true;
            for (int copy = 0; copy < 2; copy++) {
                long offset = IntentSector.copyOffset(copy, sequences.length) + (long) i * IntentSector.BYTES;
                long result = file.read(sector.memoryAddress(), IntentSector.BYTES, offset);
                readable &= result >= 0;
                long sequence = result == IntentSector.BYTES ? IntentSector.sequence(sector, i, crc) : 0;
                damagedCopies += sequence == 0 ? 1 : 0;
                if (sequence > sequences[i]) {
                    sequences[i] = sequence;
                    IntentSector.decode(sector, i, slots);
                }
            }
            if (!readable || sequences[i] == 0) {
                lose(i);
            }
        }
    }

    private void lose(int index) {
        usable = false;
        sequences[index] = 0;
        int first = index * IntentSector.SLOTS;
        Arrays.fill(slots, first, Math.min(slots.length, first + IntentSector.SLOTS), 0);
    }

    /**
     * Writes the copies that {@link #load} took again, in their places, and syncs. Whoever wrote them may have been killed
     * before it synced, or its sync may have failed: then they are in the page cache only, and no mark in them protects
     * anything yet. If that fails, the table is not usable.
     */
    public void writeAgain() {
        for (int i = 0; i < sequences.length && usable; i++) {
            usable = write(i);
        }
        usable = usable && file.syncData() >= 0;
    }

    /** Makes the table unusable, because something else is amiss: nothing will be marked, so nothing written. */
    public void giveUp() {
        usable = false;
    }

    /** Returns whether the table is known whole, is durable as it is in memory, and can be changed. */
    public boolean isUsable() {
        return usable;
    }

    /** Returns the copies of sectors that were not valid at {@link #load}. */
    public int damagedCopies() {
        return damagedCopies;
    }

    /** Returns the number of slots. */
    public int slots() {
        return slots.length;
    }

    /** Returns what a slot holds. */
    public long get(int slot) {
        return slots[slot];
    }

    /** Sets a slot; {@link #sync} makes it durable. */
    void set(int slot, long value) {
        slots[slot] = value;
        changed.set(slot / IntentSector.SLOTS);
    }

    /** Makes all changes durable; false if that failed, which is final. */
    boolean sync(StoreCounters counters) {
        if (changed.isEmpty()) {
            return true;
        }
        counters.intentSyncs().increment();
        return writeChanged() && file.syncData() >= 0;
    }

    private boolean writeChanged() {
        for (int i = changed.nextSetBit(0); i >= 0; i = changed.nextSetBit(i + 1)) {
            sequences[i]++;
            if (!write(i)) {
                return false;
            }
        }
        changed.clear();
        return true;
    }

    /** Writes a sector where its sequence belongs. */
    private boolean write(int index) {
        IntentSector.encode(sector, index, sequences[index], slots, crc);
        int copy = (int) (sequences[index] & 1);
        long offset = IntentSector.copyOffset(copy, sequences.length) + (long) index * IntentSector.BYTES;
        return file.write(sector.memoryAddress(), IntentSector.BYTES, offset) == IntentSector.BYTES;
    }

    /** Closes the file. */
    public void close() {
        file.close();
    }
}
