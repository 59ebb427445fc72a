package io.ashlar.nbd.wire;

import io.ashlar.base.status.Status;

/** What a request may fail with ("doc/proto.md", "Error values"). */
public enum NbdError {
    NONE(0),
    EPERM(1),
    EIO(5),
    ENOMEM(12),
    EINVAL(22),
    ENOSPC(28),
    EOVERFLOW(75),
    ENOTSUP(95),
    ESHUTDOWN(108);

    private final int code;

    NbdError(int code) {
        this.code = code;
    }

    /** Returns the number on the wire. */
    public int code() {
        return code;
    }

    /** Returns what a client is told about a device's status. */
    public static NbdError of(Status status) {
        return switch (status) {
            case OK -> NONE;
            case READ_ONLY -> EPERM;
            case BUSY -> ENOMEM;
            case NO_SPACE -> ENOSPC;
            case UNSUPPORTED -> ENOTSUP;
            case UNAVAILABLE -> ESHUTDOWN;
            case INVALID, OUT_OF_RANGE, MISALIGNED, TOO_LARGE -> EINVAL;
            default -> EIO;
        };
    }
}
