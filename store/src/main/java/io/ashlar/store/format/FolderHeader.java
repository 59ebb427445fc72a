package io.ashlar.store.format;

import io.ashlar.store.file.StoreException;
import io.netty.buffer.ByteBuf;
import java.util.UUID;

/**
 * The header of a data folder, file {@code ashlar-data}.
 *
 * <pre>
 *   24 folder UUID | 40 boot id of the last start | 56 u32 flags (1: stopped in order)
 * </pre>
 *
 * @param uuid the folder's identity
 * @param bootId the machine's boot id at the last start
 * @param cleanStop whether the last process stopped in order; not set while one runs
 */
public record FolderHeader(UUID uuid, UUID bootId, boolean cleanStop) {
    /** "ASHLARDF" as little-endian bytes. */
    public static final long MAGIC = 0x46445241_4C485341L;
    /** The file's name. */
    public static final String FILE = "ashlar-data";

    static final int UUID_OFFSET = 24;
    static final int BOOT_ID_OFFSET = 40;
    static final int FLAGS_OFFSET = 56;
    static final int FLAG_CLEAN_STOP = 1;

    /** Reads the newest slot. */
    public static FolderHeader read(HeaderSlots slots, String what) throws StoreException {
        slots.read(what);
        ByteBuf body = slots.body();
        return new FolderHeader(
                HeaderSlots.getUuid(body, UUID_OFFSET),
                HeaderSlots.getUuid(body, BOOT_ID_OFFSET),
                (body.getIntLE(FLAGS_OFFSET) & FLAG_CLEAN_STOP) != 0);
    }

    /** Fills the slots' body, to be written. */
    public void encode(HeaderSlots slots) {
        ByteBuf body = slots.body();
        HeaderSlots.setUuid(body, UUID_OFFSET, uuid);
        HeaderSlots.setUuid(body, BOOT_ID_OFFSET, bootId);
        body.setIntLE(FLAGS_OFFSET, cleanStop ? FLAG_CLEAN_STOP : 0);
    }
}
