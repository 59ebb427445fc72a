package io.ashlar.vduse.device;

import io.ashlar.base.annotation.ThreadSafe;
import io.ashlar.base.sys.Errno;
import java.io.IOException;

/** The kernel refused something; the message is one sentence for the operator, with the error number's name. */
@ThreadSafe
public final class VduseException extends IOException {
    private static final long serialVersionUID = 1L;

    private final int errno;

    /** Creates one for a result below zero. */
    public VduseException(String what, long result) {
        super(what + " (" + Errno.describe(result) + ")");
        errno = (int) -result;
    }

    /** Returns the error number. */
    public int errno() {
        return errno;
    }
}
