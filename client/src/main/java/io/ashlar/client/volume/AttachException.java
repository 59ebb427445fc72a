package io.ashlar.client.volume;

import io.ashlar.base.status.Status;

/** A volume could not be opened. The message is one line for people and names node and volume. */
public final class AttachException extends Exception {
    private static final long serialVersionUID = 1L;

    private final Status status;

    /** Creates an exception. */
    public AttachException(Status status, String message) {
        super(message);
        this.status = status;
    }

    /** Returns the reason. */
    public Status status() {
        return status;
    }
}
