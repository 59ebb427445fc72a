package io.ashlar.store.volume;

import io.ashlar.base.annotation.ThreadSafe;
import io.ashlar.base.sys.Errno;
import io.ashlar.store.file.StorageFile;
import io.ashlar.store.file.StorageIo;
import io.ashlar.store.file.StoreException;
import io.ashlar.store.format.HeaderSlots;
import io.ashlar.store.format.IntentSector;
import io.ashlar.store.format.VolumeHeader;
import io.ashlar.store.intent.IntentFile;
import java.nio.file.Path;
import java.util.function.UnaryOperator;

/** The open header of a volume; changes are durable when they return. */
@ThreadSafe
public final class VolumeHeaderFile implements AutoCloseable {
    private final StorageFile file;
    private final HeaderSlots slots;
    private volatile VolumeHeader header;

    private VolumeHeaderFile(StorageFile file, HeaderSlots slots, VolumeHeader header) {
        this.file = file;
        this.slots = slots;
        this.header = header;
    }

    /** Opens the header in a volume's folder; what it says may be in the page cache only. */
    public static VolumeHeaderFile open(StorageIo io, Path folder) throws StoreException {
        StorageFile file = io.open(folder.resolve(VolumeHeader.FILE), StorageIo.Mode.WRITE);
        HeaderSlots slots = new HeaderSlots(file, VolumeHeader.MAGIC);
        try {
            return new VolumeHeaderFile(file, slots, VolumeHeader.read(slots, "volume " + folder.getFileName()));
        } catch (StoreException e) {
            file.close();
            throw e;
        }
    }

    /** Writes the files of an empty volume into its folder; durable but for the folder's entries. */
    public static void create(StorageIo io, Path folder, VolumeHeader header) throws StoreException {
        StorageFile file = io.open(folder.resolve(VolumeHeader.FILE), StorageIo.Mode.CREATE);
        try {
            HeaderSlots slots = new HeaderSlots(file, VolumeHeader.MAGIC);
            header.encode(slots);
            check(slots.writeBoth(), header);
            check(file.syncData(), header);
        } finally {
            file.close();
        }
        IntentFile intents = new IntentFile(
                io.open(folder.resolve(IntentSector.FILE), StorageIo.Mode.CREATE), header.regionsMarkedMax());
        try {
            intents.create();
        } finally {
            intents.close();
        }
    }

    /** Returns the header as it is on disk. */
    public VolumeHeader header() {
        return header;
    }

    /** Makes durable what was read: whoever wrote it may have been killed before it synced. */
    synchronized void writeAgain() throws StoreException {
        check(slots.writeAgain(), header);
    }

    /** Changes the header. */
    public synchronized void update(UnaryOperator<VolumeHeader> change) throws StoreException {
        VolumeHeader newHeader = change.apply(header);
        newHeader.encode(slots);
        check(slots.write(), newHeader);
        header = newHeader;
    }

    private static void check(int result, VolumeHeader header) throws StoreException {
        if (result < 0) {
            throw new StoreException(
                    "can't write the header of volume " + header.uuid() + ": " + Errno.describe(result), -result);
        }
    }

    /** Closes the file. */
    @Override
    public synchronized void close() {
        file.close();
    }
}
