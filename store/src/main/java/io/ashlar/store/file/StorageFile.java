package io.ashlar.store.file;

/**
 * One open file of the store. Data calls take addresses of direct memory, allocate nothing, and return a count or
 * -errno ({@link io.ashlar.base.sys.Errno}); counts may be short. Any thread may call; overlapping calls are ordered by the
 * caller. Everything but a read that must not wait may block.
 */
public interface StorageFile {
    /** Reads up to {@code lengthBytes} at the file offset to the address; 0 at the end of the file. */
    long read(long address, long lengthBytes, long offset);

    /**
     * Reads into the iovecs at the address (16 bytes each: address, length).
     *
     * @param mayWait false to take only what is in the page cache: -EAGAIN or a short count where some is not, and
     *     -EOPNOTSUPP where the file system can't tell
     */
    long readVector(long iov, int iovCount, long offset, boolean mayWait);

    /** Writes up to {@code lengthBytes} from the address at the file offset. */
    long write(long address, long lengthBytes, long offset);

    /** Writes the iovecs at the address (16 bytes each: address, length). */
    long writeVector(long iov, int iovCount, long offset);

    /** Deallocates the range, which then reads as zeroes; -EOPNOTSUPP where the file system can't. */
    int punch(long offset, long lengthBytes);

    /** Allocates the range, extending the file. */
    int allocate(long offset, long lengthBytes);

    /** Sets the file's size; what is added is a hole. */
    int truncate(long sizeBytes);

    /** Makes the file's bytes durable. After an error earlier writes may be lost; the caller must not try again. */
    int syncData();

    /** Starts writing a range back, without waiting for it: not a durability barrier. */
    int startWriteback(long offset, long lengthBytes);

    /** Takes an exclusive lock on the file without waiting; -EAGAIN when somebody else has it. */
    int lock();

    /** Returns the file's size in bytes, or -errno. */
    long sizeBytes();

    /** Closes the file and drops its lock; an error means that earlier writes may be lost. */
    int close();
}
