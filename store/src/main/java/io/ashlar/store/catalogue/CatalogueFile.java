package io.ashlar.store.catalogue;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.sys.Errno;
import io.ashlar.store.file.StorageFile;
import io.ashlar.store.file.StorageIo;
import io.ashlar.store.file.StoreException;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.nio.file.Path;

/**
 * The catalogue's file. A new version is written beside the old one, synced, renamed over it, and the folder synced: at
 * any moment, also after a power cut, the name leads to a whole version.
 *
 * <p>{@link #prepare} leaves the old version in force when it fails; after a failed {@link #publish} nobody knows which
 * one is, so nothing may be written before a restart.
 */
@ConfinedTo(LoopKind.POOL)
final class CatalogueFile {
    static final String NAME = "catalogue";
    static final String NEXT_NAME = "catalogue.next";

    private final StorageIo io;
    private final Path folder;
    private final Path path;
    private final Path nextPath;
    private StorageFile next;
    private StorageIo.OpenFolder opened;

    CatalogueFile(Path folder, StorageIo io) {
        this.io = io;
        this.folder = folder;
        path = folder.resolve(NAME);
        nextPath = folder.resolve(NEXT_NAME);
    }

    /** Reads the version in force; null where there is none. */
    CatalogueImage load() throws StoreException {
        StorageFile file;
        try {
            file = io.open(path, StorageIo.Mode.READ);
        } catch (StoreException e) {
            if (e.errno() == Errno.ENOENT) {
                return null;
            }
            throw e;
        }
        try {
            return CatalogueCodec.decode(read(file));
        } finally {
            file.close();
        }
    }

    private static byte[] read(StorageFile file) throws StoreException {
        long size = checked("reading", file.sizeBytes());
        if (size > CatalogueCodec.FILE_BYTES_MAX) {
            throw new StoreException("the volume catalogue is too large: " + size + " bytes");
        }
        ByteBuf buffer = Unpooled.directBuffer((int) size + 1);
        try {
            int done = 0;
            while (done < size) {
                long count = checked("reading", file.read(buffer.memoryAddress() + done, size - done, done));
                if (count == 0) {
                    throw new StoreException("the volume catalogue is cut off");
                }
                done += (int) count;
            }
            byte[] bytes = new byte[done];
            buffer.getBytes(0, bytes);
            return bytes;
        } finally {
            buffer.release();
        }
    }

    /** Writes the next version beside the one in force, and takes hold of all that {@link #publish} needs. */
    void prepare(CatalogueImage image) throws StoreException {
        opened = io.openFolder(folder);
        try {
            next = io.open(nextPath, StorageIo.Mode.CREATE);
            write(CatalogueCodec.encode(image));
        } catch (StoreException e) {
            opened.close();
            throw e;
        }
    }

    private void write(byte[] bytes) throws StoreException {
        ByteBuf buffer = Unpooled.directBuffer(bytes.length).writeBytes(bytes);
        try {
            int done = 0;
            while (done < bytes.length) {
                done += (int) checked("writing", next.write(buffer.memoryAddress() + done, bytes.length - done, done));
            }
        } catch (StoreException e) {
            next.close();
            throw e;
        } finally {
            buffer.release();
        }
    }

    /** Puts the prepared version in force; durable when it returns. */
    void publish() throws StoreException {
        int synced = next.syncData();
        int closed = next.close();
        try (StorageIo.OpenFolder renamedIn = opened) {
            checked("syncing", synced);
            checked("closing", closed);
            io.rename(nextPath, path);
            renamedIn.sync();
        }
    }

    private static long checked(String step, long result) throws StoreException {
        if (result < 0) {
            throw new StoreException(step + " the volume catalogue: " + Errno.describe(result), (int) -result);
        }
        return result;
    }
}
