package io.ashlar.store.file;

import java.nio.file.Path;
import java.util.List;

/** A file system that passes everything on; tests override what they want to be different. */
public class ForwardingStorageIo implements StorageIo {
    private final StorageIo below;

    /** Creates one above another. */
    public ForwardingStorageIo(StorageIo below) {
        this.below = below;
    }

    @Override
    public StorageFile open(Path path, Mode mode) throws StoreException {
        return below.open(path, mode);
    }

    @Override
    public void createFolder(Path path) throws StoreException {
        below.createFolder(path);
    }

    @Override
    public void rename(Path from, Path to) throws StoreException {
        below.rename(from, to);
    }

    @Override
    public void delete(Path path) throws StoreException {
        below.delete(path);
    }

    @Override
    public List<String> list(Path folder) throws StoreException {
        return below.list(folder);
    }

    @Override
    public OpenFolder openFolder(Path folder) throws StoreException {
        return below.openFolder(folder);
    }

    @Override
    public long allocatedBytes(Path path) throws StoreException {
        return below.allocatedBytes(path);
    }

    @Override
    public long freeBytes(Path path) throws StoreException {
        return below.freeBytes(path);
    }

    @Override
    public boolean isInMemory(Path path) throws StoreException {
        return below.isInMemory(path);
    }

    /** A file that passes everything on. */
    public static class ForwardingFile implements StorageFile {
        private final StorageFile file;

        /** Creates one above another. */
        public ForwardingFile(StorageFile file) {
            this.file = file;
        }

        @Override
        public long read(long address, long lengthBytes, long offset) {
            return file.read(address, lengthBytes, offset);
        }

        @Override
        public long readVector(long iov, int iovCount, long offset, boolean mayWait) {
            return file.readVector(iov, iovCount, offset, mayWait);
        }

        @Override
        public long write(long address, long lengthBytes, long offset) {
            return file.write(address, lengthBytes, offset);
        }

        @Override
        public long writeVector(long iov, int iovCount, long offset) {
            return file.writeVector(iov, iovCount, offset);
        }

        @Override
        public int punch(long offset, long lengthBytes) {
            return file.punch(offset, lengthBytes);
        }

        @Override
        public int allocate(long offset, long lengthBytes) {
            return file.allocate(offset, lengthBytes);
        }

        @Override
        public int truncate(long sizeBytes) {
            return file.truncate(sizeBytes);
        }

        @Override
        public int syncData() {
            return file.syncData();
        }

        @Override
        public int startWriteback(long offset, long lengthBytes) {
            return file.startWriteback(offset, lengthBytes);
        }

        @Override
        public int lock() {
            return file.lock();
        }

        @Override
        public long sizeBytes() {
            return file.sizeBytes();
        }

        @Override
        public int close() {
            return file.close();
        }
    }
}
