package io.ashlar.client.admin;

import io.ashlar.base.status.Status;

/** A command could not be carried out. The message is one line for people. */
public final class AdminException extends Exception {
    private static final long serialVersionUID = 1L;

    private final Status status;

    /** Creates an exception. */
    public AdminException(Status status, String message) {
        super(message);
        this.status = status;
    }

    /** Returns the reason; {@link Status#UNAVAILABLE} when the node can't be reached. */
    public Status status() {
        return status;
    }
}
