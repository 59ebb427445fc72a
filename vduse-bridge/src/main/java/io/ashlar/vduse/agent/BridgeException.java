package io.ashlar.vduse.agent;

import io.ashlar.base.annotation.ThreadSafe;
import java.io.IOException;

/** The bridge can't do what was asked; the message is one line for the operator. */
@ThreadSafe
public final class BridgeException extends IOException {
    private static final long serialVersionUID = 1L;

    /** Creates one. */
    public BridgeException(String message) {
        super(message);
    }

    /** Creates one with its cause. */
    public BridgeException(String message, Throwable cause) {
        super(message, cause);
    }
}
