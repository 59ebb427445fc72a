package io.ashlar.store.file;

import io.ashlar.base.annotation.ThreadSafe;
import io.ashlar.base.sys.Errno;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Reads for threads that must not wait: from the page cache or not at all. Where the file system can't tell (preadv2 with
 * RWF_NOWAIT is EOPNOTSUPP on tmpfs and overlay, measured), that is remembered for the data folder; then a memory file
 * system is read on the loop, anything else in the pool.
 */
@ThreadSafe
public final class CachedReads {
    private static final Logger LOG = LoggerFactory.getLogger(CachedReads.class);

    private final boolean inMemory;
    private volatile boolean unsupported;

    /** Creates one for a data folder; {@code inMemory} says that it lies on a memory file system. */
    public CachedReads(boolean inMemory) {
        this.inMemory = inMemory;
    }

    /** Returns whether loops can read cached data themselves, as far as is known. */
    public boolean areSupported() {
        return !unsupported || inMemory;
    }

    /** Reads what the vector asks for; -EAGAIN, or a short count, where the thread would have to wait. */
    public long read(IoVector vector, StorageFile file, long offset, boolean mayBlock) {
        if (mayBlock || (unsupported && inMemory)) {
            return vector.readFrom(file, offset, true);
        }
        if (unsupported) {
            return -Errno.EAGAIN;
        }
        long result = vector.readFrom(file, offset, false);
        if (result != -Errno.EOPNOTSUPP) {
            return result;
        }
        unsupported = true;
        if (!inMemory) {
            LOG.warn("the data folder's file system has no RWF_NOWAIT: every read goes through the I/O pool");
        }
        return read(vector, file, offset, false);
    }
}
