package io.ashlar.vduse.inflight;

import io.ashlar.base.annotation.ThreadSafe;
import java.io.IOException;

/**
 * A log of requests in flight does not tell what was in flight: it is missing, damaged, of another version or device, or it
 * does not fit the rings. Trying again does not help; whoever gets it leaves the device as it is.
 */
@ThreadSafe
public final class InflightException extends IOException {
    private static final long serialVersionUID = 1L;

    /** Creates the exception. */
    public InflightException(String message) {
        super(message);
    }
}
