package io.ashlar.vduse.bus;

import io.ashlar.base.annotation.ThreadSafe;
import java.io.IOException;

/** The vDPA bus refused something; the message is one sentence for the operator. */
@ThreadSafe
public final class VdpaException extends IOException {
    private static final long serialVersionUID = 1L;

    private final int errno;

    /** Creates one; {@code errno} is 0 where the kernel gave none. */
    public VdpaException(String message, int errno) {
        super(message);
        this.errno = errno;
    }

    /** Returns the kernel's error number, or 0. */
    public int errno() {
        return errno;
    }
}
