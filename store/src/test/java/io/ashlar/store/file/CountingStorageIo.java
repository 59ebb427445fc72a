package io.ashlar.store.file;

import java.nio.file.Path;
import java.util.concurrent.atomic.AtomicLong;

/** Counts the calls that reach the files of extents, without allocation. */
public final class CountingStorageIo extends ForwardingStorageIo {
    private final AtomicLong opens = new AtomicLong();
    private final AtomicLong reads = new AtomicLong();
    private final AtomicLong readBytes = new AtomicLong();
    private final AtomicLong writes = new AtomicLong();
    private final AtomicLong writtenBytes = new AtomicLong();
    private final AtomicLong punchedBytes = new AtomicLong();
    private volatile boolean skipsMetadata;

    /** Creates one above another file system. */
    public CountingStorageIo(StorageIo below) {
        super(below);
    }

    /** Starts counting from nothing. */
    public void reset() {
        opens.set(0);
        reads.set(0);
        readBytes.set(0);
        writes.set(0);
        writtenBytes.set(0);
        punchedBytes.set(0);
    }

    /** Says whether writes to metadata files do nothing from now on: to measure what they cost. */
    public void skipMetadataWrites(boolean skip) {
        skipsMetadata = skip;
    }

    /** Returns the files opened. */
    public long opens() {
        return opens.get();
    }

    /** Returns the read calls. */
    public long reads() {
        return reads.get();
    }

    /** Returns the bytes read. */
    public long readBytes() {
        return readBytes.get();
    }

    /** Returns the write calls. */
    public long writes() {
        return writes.get();
    }

    /** Returns the bytes written, vectors not counted. */
    public long writtenBytes() {
        return writtenBytes.get();
    }

    /** Returns the bytes that were punched out of files. */
    public long punchedBytes() {
        return punchedBytes.get();
    }

    @Override
    public StorageFile open(Path path, Mode mode) throws StoreException {
        opens.incrementAndGet();
        boolean isMetadata = path.toString().contains(".meta");
        return new ForwardingFile(super.open(path, mode)) {
            @Override
            public long read(long address, long lengthBytes, long offset) {
                return counted(super.read(address, lengthBytes, offset));
            }

            @Override
            public long readVector(long iov, int iovCount, long offset, boolean mayWait) {
                return counted(super.readVector(iov, iovCount, offset, mayWait));
            }

            private long counted(long result) {
                reads.incrementAndGet();
                readBytes.addAndGet(Math.max(0, result));
                return result;
            }

            @Override
            public long write(long address, long lengthBytes, long offset) {
                writes.incrementAndGet();
                writtenBytes.addAndGet(lengthBytes);
                return skipsMetadata && isMetadata ? lengthBytes : super.write(address, lengthBytes, offset);
            }

            @Override
            public int punch(long offset, long lengthBytes) {
                int result = super.punch(offset, lengthBytes);
                punchedBytes.addAndGet(result < 0 ? 0 : lengthBytes);
                return result;
            }

            @Override
            public int lock() {
                return 0; // so that a test can leave a store as a killed process does, whose lock is gone
            }

            @Override
            public long writeVector(long iov, int iovCount, long offset) {
                writes.incrementAndGet();
                return super.writeVector(iov, iovCount, offset);
            }
        };
    }
}
