package io.ashlar.store.file;

import java.nio.file.Path;
import java.util.List;

/**
 * The file system as the store sees it, and the seam where tests inject faults and record what reaches the disk. All of
 * it may block. Failures are {@link StoreException}s with the errno, for this is the control plane; the data plane is
 * {@link StorageFile}.
 */
public interface StorageIo {
    /** How {@link #open} opens. */
    enum Mode {
        /** For reading only; the file must exist. */
        READ,
        /** For reading and writing; the file must exist. */
        WRITE,
        /** For reading and writing; created, or cut to nothing if it exists. */
        CREATE
    }

    /** A folder that is open; whoever opened it closes it. */
    interface OpenFolder extends AutoCloseable {
        /** Makes the entries durable. After an error earlier changes may be lost; the caller must not try again. */
        void sync() throws StoreException;

        @Override
        default void close() {}
    }

    /** Opens a file; the exception's errno is ENOENT where there is none. */
    StorageFile open(Path path, Mode mode) throws StoreException;

    /** Creates a folder, accessible to the owner only; nothing happens if it exists. */
    void createFolder(Path path) throws StoreException;

    /** Renames a file or folder, replacing a file of the new name. Durable after {@link #syncFolder}. */
    void rename(Path from, Path to) throws StoreException;

    /** Deletes a file or an empty folder; nothing happens if there is none. */
    void delete(Path path) throws StoreException;

    /** Returns the names in a folder, sorted; empty if there is no such folder. */
    List<String> list(Path folder) throws StoreException;

    /** Opens a folder whose entries are to be made durable at a time when that must not fail for want of a descriptor. */
    OpenFolder openFolder(Path folder) throws StoreException;

    /** Makes the folder's entries durable. */
    default void syncFolder(Path folder) throws StoreException {
        try (OpenFolder open = openFolder(folder)) {
            open.sync();
        }
    }

    /** Returns the bytes allocated to a file on disk, 0 if there is none. */
    long allocatedBytes(Path path) throws StoreException;

    /** Returns the bytes still free on the file system that holds the path. */
    long freeBytes(Path path) throws StoreException;

    /** Returns whether the path lies on a file system that lives in memory, where no read waits for a disk. */
    boolean isInMemory(Path path) throws StoreException;
}
