package io.ashlar.store.file;

import java.io.IOException;

/** A step of the control plane (open, create, rename, list) that failed; the message is one line for people. */
public final class StoreException extends IOException {
    private static final long serialVersionUID = 1L;

    private final int errno;

    /** Creates one without a system error behind it. */
    public StoreException(String oneLine) {
        this(oneLine, 0);
    }

    /** Creates one; {@code errno} is positive, or 0 when no system call failed. */
    public StoreException(String oneLine, int errno) {
        super(oneLine);
        this.errno = errno;
    }

    /** Returns the error number of the system call that failed, or 0. */
    public int errno() {
        return errno;
    }
}
