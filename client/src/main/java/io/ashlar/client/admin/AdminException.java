package io.ashlar.client.admin;

import io.ashlar.base.status.Status;

/** Why a node did not do what was asked: the message is one line for people. */
public final class AdminException extends Exception {
    private static final long serialVersionUID = 1;

    private final Status status;

    AdminException(Status status, String message, Throwable cause) {
        super(message, cause);
        this.status = status;
    }

    /** Returns the node's answer, or {@link Status#UNAVAILABLE} when there was none. */
    public Status status() {
        return status;
    }

    /** Returns whether the node could not be talked to at all. */
    public boolean isUnreachable() {
        return status == Status.UNAVAILABLE;
    }
}
