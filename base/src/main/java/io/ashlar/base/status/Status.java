package io.ashlar.base.status;

/**
 * The one catalogue of outcomes: on the wire, towards the kernel and inside. A number of its own only where some caller
 * reacts to it in its own way. Codes are part of the protocol ({@code docs/protocol.md}); a retired code is never reused.
 * Errno values: {@code asm-generic/errno-base.h} and {@code asm-generic/errno.h}.
 */
public enum Status {
    OK(0, 0, Remedy.NONE, "ok"),

    INVALID(1, 22, Remedy.FIX_REQUEST, "invalid argument"),
    OUT_OF_RANGE(2, 22, Remedy.FIX_REQUEST, "beyond the end of the volume"),
    MISALIGNED(3, 22, Remedy.FIX_REQUEST, "not a multiple of the logical block size"),
    READ_ONLY(4, 30, Remedy.FIX_REQUEST, "read-only"),
    UNSUPPORTED(5, 95, Remedy.FIX_REQUEST, "not supported"),
    NOT_FOUND(6, 2, Remedy.FIX_REQUEST, "no such volume"),
    ALREADY_EXISTS(7, 17, Remedy.FIX_REQUEST, "exists already"),
    IN_USE(8, 16, Remedy.FIX_REQUEST, "in use"),
    TOO_LARGE(9, 7, Remedy.FIX_REQUEST, "too large"),
    /** Payload does not match the checksum that came with it: send again from stable bytes. */
    CHECKSUM(10, 84, Remedy.FIX_REQUEST, "payload does not match its checksum"),

    BUSY(20, 11, Remedy.RETRY_LATER, "busy"),
    RECOVERING(21, 11, Remedy.RETRY_LATER, "recovering"),
    UNAVAILABLE(22, 103, Remedy.RETRY_LATER, "unavailable"),
    TIMED_OUT(23, 110, Remedy.RETRY_LATER, "timed out"),

    FENCED(30, 116, Remedy.STOP_WRITING, "fenced by a newer attachment"),
    /** The node lost acknowledged, unflushed writes (its machine restarted); a flush can't be true any more. */
    LOST_WRITES(31, 5, Remedy.STOP_WRITING, "node lost unflushed writes"),

    IO_ERROR(40, 5, Remedy.REPORT, "input/output error"),
    NO_SPACE(41, 28, Remedy.REPORT, "no space left on the node"),
    /** A stored block does not match its stored checksum. */
    CORRUPT(42, 5, Remedy.REPORT, "stored data is corrupt"),

    MALFORMED(60, 71, Remedy.CLOSE_CONNECTION, "malformed frame"),
    VERSION_UNSUPPORTED(61, 93, Remedy.CLOSE_CONNECTION, "protocol version not supported"),
    UNKNOWN_OPERATION(62, 38, Remedy.CLOSE_CONNECTION, "unknown operation"),
    LIMIT_EXCEEDED(63, 7, Remedy.CLOSE_CONNECTION, "limit exceeded"),
    BAD_HANDLE(64, 9, Remedy.CLOSE_CONNECTION, "unknown volume handle"),

    /** A broken invariant, or a code that this version does not know. */
    INTERNAL(90, 5, Remedy.REPORT, "internal error");

    private static final Status[] BY_CODE = new Status[128];

    static {
        for (Status status : values()) {
            BY_CODE[status.code] = status;
        }
    }

    private final int code;
    private final int errno;
    private final Remedy remedy;
    private final String text;

    Status(int code, int errno, Remedy remedy, String text) {
        this.code = code;
        this.errno = errno;
        this.remedy = remedy;
        this.text = text;
    }

    /** Returns the status with this wire code; {@link #INTERNAL} for a code this version does not know. */
    public static Status ofCode(int code) {
        Status status = code >= 0 && code < BY_CODE.length ? BY_CODE[code] : null;
        return status == null ? INTERNAL : status;
    }

    /** Returns the wire code, 0 to 127. */
    public int code() {
        return code;
    }

    /** Returns the Linux errno that an application sees for this status. */
    public int errno() {
        return errno;
    }

    /** Returns what a caller can do about it. */
    public Remedy remedy() {
        return remedy;
    }

    /** Returns a few lower-case words for people, without a full stop. */
    public String text() {
        return text;
    }

    /** Returns whether this is {@link #OK}. */
    public boolean isOk() {
        return this == OK;
    }
}
