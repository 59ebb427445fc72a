package io.ashlar.store.format;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.checksum.Crc32c;
import io.ashlar.base.sys.Errno;
import io.ashlar.store.file.Scratch;
import io.ashlar.store.file.StorageFile;
import io.ashlar.store.file.StoreException;
import io.netty.buffer.ByteBuf;
import java.lang.ref.Reference;
import java.util.UUID;

/**
 * A header of 512 bytes that is kept in two slots of a file, at 0 and at 4096, and is changed by writing the older slot:
 * whatever happens, one of them is whole. The valid one with the higher sequence counts.
 *
 * <pre>
 *   0 u64 magic | 8 u32 version | 12 u32 0 | 16 u64 sequence | 24 body | 508 u32 CRC32C of bytes 0 to 507
 * </pre>
 */
@ConfinedTo(LoopKind.OWNER)
public final class HeaderSlots {
    /** Bytes of a slot: what a disk writes whole. */
    public static final int SLOT_BYTES = 512;
    /** Where the second slot starts: in another page, so that one bad write doesn't take both. */
    public static final int SECOND_SLOT_OFFSET = 4096;
    /** Where what follows the slots may start. */
    public static final int END_OFFSET = 8192;
    /** The format version that this code writes and reads. */
    public static final int VERSION = 1;
    /** Where the body starts in a slot. */
    public static final int BODY_OFFSET = 24;

    static final int MAGIC_OFFSET = 0;
    static final int VERSION_OFFSET = 8;
    static final int SEQUENCE_OFFSET = 16;
    static final int CHECKSUM_OFFSET = SLOT_BYTES - 4;

    private final StorageFile file;
    private final long magic;
    private final ByteBuf slot = Scratch.allocate(SLOT_BYTES);
    private final ByteBuf other = Scratch.allocate(SLOT_BYTES);
    private final Crc32c crc = new Crc32c();
    private long sequence;
    private int validSlots;
    /** Why a slot could not be read, if that says nothing about the file, or 0. */
    private int shortage;

    /** Prepares to read or write the header of a file; borrows the file. */
    public HeaderSlots(StorageFile file, long magic) {
        this.file = file;
        this.magic = magic;
    }

    /**
     * Reads the newest valid slot, whose body {@link #body()} then holds.
     *
     * @param what names the file in the exception
     * @throws StoreException with an errno only if no slot is valid because memory was short, which passes
     */
    public void read(String what) throws StoreException {
        shortage = 0;
        long first = readSlot(slot, 0);
        long second = readSlot(other, SECOND_SLOT_OFFSET);
        validSlots = (first > 0 ? 1 : 0) + (second > 0 ? 1 : 0);
        if (validSlots == 0) {
            throw shortage == 0
                    ? new StoreException(what + " has no valid header")
                    : new StoreException("can't read the header of " + what, shortage);
        }
        sequence = Math.max(first, second);
        if (second > first) {
            slot.setBytes(0, other, 0, SLOT_BYTES);
        }
        int version = slot.getIntLE(VERSION_OFFSET);
        if (version != VERSION) {
            throw new StoreException(
                    what + " has format version " + version + ", this program knows " + VERSION + " only");
        }
    }

    /** Returns how many slots were valid at {@link #read}; after an orderly stop both are. */
    public int validSlots() {
        return validSlots;
    }

    /** Returns the slot's buffer; the body starts at {@link #BODY_OFFSET}. */
    public ByteBuf body() {
        return slot;
    }

    /**
     * Writes the body into the older slot, and syncs. As long as that fails, the next try goes to the same slot: the
     * other one is the only one known to be whole. Returns 0 or -errno.
     */
    public int write() {
        int result = writeDurably(sequence + 1);
        if (result == 0) {
            sequence++;
        }
        return result;
    }

    /**
     * Writes the slot that was read again, in its place, and syncs. Whoever wrote it may have been killed before it
     * synced, or its sync may have failed: then it is in the page cache only. Returns 0 or -errno.
     */
    public int writeAgain() {
        return writeDurably(sequence);
    }

    /** Writes both slots of a new file; not durable before a sync. Returns 0 or -errno. */
    public int writeBoth() {
        int result = writeSlot(1);
        return result < 0 ? result : writeSlot(2);
    }

    private int writeDurably(long withSequence) {
        int result = writeSlot(withSequence);
        return result == 0 ? Math.min(0, file.syncData()) : result;
    }

    private int writeSlot(long withSequence) {
        slot.setLongLE(MAGIC_OFFSET, magic);
        slot.setIntLE(VERSION_OFFSET, VERSION);
        slot.setLongLE(SEQUENCE_OFFSET, withSequence);
        slot.setIntLE(CHECKSUM_OFFSET, crc.compute(slot, 0, CHECKSUM_OFFSET));
        long offset = (withSequence & 1) == 1 ? 0 : SECOND_SLOT_OFFSET;
        try {
            long result = file.write(slot.memoryAddress(), SLOT_BYTES, offset);
            return result == SLOT_BYTES ? 0 : result < 0 ? (int) result : -Errno.EIO;
        } finally {
            Reference.reachabilityFence(slot); // the kernel reads it, and our caller may have let go of us already
        }
    }

    /** Returns the slot's sequence, at least 1, or 0 if it is not valid. */
    private long readSlot(ByteBuf into, long offset) {
        into.setZero(0, SLOT_BYTES);
        long result = file.read(into.memoryAddress(), SLOT_BYTES, offset);
        if (result < 0 && Errno.isShortage((int) result)) {
            shortage = (int) -result;
        }
        boolean valid = result == SLOT_BYTES
                && into.getLongLE(MAGIC_OFFSET) == magic
                && into.getIntLE(CHECKSUM_OFFSET) == crc.compute(into, 0, CHECKSUM_OFFSET);
        return valid ? Math.max(0, into.getLongLE(SEQUENCE_OFFSET)) : 0;
    }

    static void setUuid(ByteBuf buffer, int index, UUID uuid) {
        buffer.setLongLE(index, uuid.getMostSignificantBits());
        buffer.setLongLE(index + 8, uuid.getLeastSignificantBits());
    }

    static UUID getUuid(ByteBuf buffer, int index) {
        return new UUID(buffer.getLongLE(index), buffer.getLongLE(index + 8));
    }
}
