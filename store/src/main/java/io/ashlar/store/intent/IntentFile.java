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
    private int damagedSectors;
    private int damagedCopies;

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

    /** Reads the table: of each sector the newer valid copy. A sector without one is counted, and holds no marks. */
    public void load() {
        for (int i = 0; i < sequences.length; i++) {
            for (int copy = 0; copy < 2; copy++) {
                long offset = IntentSector.copyOffset(copy, sequences.length) + (long) i * IntentSector.BYTES;
                long result = file.read(sector.memoryAddress(), IntentSector.BYTES, offset);
                long sequence = result == IntentSector.BYTES ? IntentSector.sequence(sector, i, crc) : 0;
                damagedCopies += sequence == 0 ? 1 : 0;
                if (sequence > sequences[i]) {
                    sequences[i] = sequence;
                    IntentSector.decode(sector, i, slots);
                }
            }
            damagedSectors += sequences[i] == 0 ? 1 : 0;
        }
    }

    /** Returns the sectors of which no copy was valid at {@link #load}. */
    public int damagedSectors() {
        return damagedSectors;
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
            long sequence = ++sequences[i];
            IntentSector.encode(sector, i, sequence, slots, crc);
            long offset =
                    IntentSector.copyOffset((int) (sequence & 1), sequences.length) + (long) i * IntentSector.BYTES;
            if (file.write(sector.memoryAddress(), IntentSector.BYTES, offset) != IntentSector.BYTES) {
                return false;
            }
        }
        changed.clear();
        return true;
    }

    /** Closes the file. */
    public void close() {
        file.close();
    }
}
