package io.ashlar.store.file;

import io.ashlar.base.annotation.ThreadSafe;
import io.ashlar.base.sys.FallocateMode;
import io.ashlar.base.sys.Linux;
import java.nio.file.Path;

/** A file of the kernel's. */
@ThreadSafe
final class LinuxStorageFile implements StorageFile {
    /** RWF_NOWAIT of preadv2(2), from {@code linux/fs.h}. */
    private static final int RWF_NOWAIT = 0x08;

    private final Path path;
    private final int fd;

    LinuxStorageFile(Path path, int fd) {
        this.path = path;
        this.fd = fd;
    }

    @Override
    public long read(long address, long lengthBytes, long offset) {
        return Linux.pread(fd, address, lengthBytes, offset);
    }

    @Override
    public long readVector(long iov, int iovCount, long offset, boolean mayWait) {
        return Linux.preadv2(fd, iov, iovCount, offset, mayWait ? 0 : RWF_NOWAIT);
    }

    @Override
    public long write(long address, long lengthBytes, long offset) {
        return Linux.pwrite(fd, address, lengthBytes, offset);
    }

    @Override
    public long writeVector(long iov, int iovCount, long offset) {
        return Linux.pwritev(fd, iov, iovCount, offset);
    }

    @Override
    public int punch(long offset, long lengthBytes) {
        return Linux.fallocate(fd, FallocateMode.PUNCH_HOLE | FallocateMode.KEEP_SIZE, offset, lengthBytes);
    }

    @Override
    public int allocate(long offset, long lengthBytes) {
        return Linux.fallocate(fd, FallocateMode.ALLOCATE, offset, lengthBytes);
    }

    @Override
    public int truncate(long sizeBytes) {
        return Linux.truncate(fd, sizeBytes);
    }

    @Override
    public int syncData() {
        return Linux.fdatasync(fd);
    }

    @Override
    public int startWriteback(long offset, long lengthBytes) {
        return Linux.startWriteback(fd, offset, lengthBytes);
    }

    @Override
    public int lock() {
        return Linux.lockExclusively(fd);
    }

    @Override
    public long sizeBytes() {
        return path.toFile().length();
    }

    @Override
    public int close() {
        return Linux.close(fd);
    }
}
