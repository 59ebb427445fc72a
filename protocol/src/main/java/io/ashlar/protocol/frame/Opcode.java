package io.ashlar.protocol.frame;

/**
 * What a frame asks or answers ({@code docs/protocol.md}, "Operations"), with the most payload that either direction may
 * carry and the flags that a request may set. A retired code is never reused.
 */
public enum Opcode {
    /** First frame of a connection; both payloads are messages. */
    HELLO(1, Limits.MESSAGE_BYTES_MAX, Limits.MESSAGE_BYTES_MAX, 0),
    /** Opens a volume; both payloads are messages. */
    OPEN(2, Limits.MESSAGE_BYTES_MAX, Limits.MESSAGE_BYTES_MAX, 0),
    /** Ends the use of a handle; answered when its requests have ended. {@code aux} 1 ends the attachment as well. */
    CLOSE(3, 0, 0, 0),
    /** Asks for a sign of life. */
    PING(4, 0, 0, 0),
    /** A volume command; both payloads are messages. */
    ADMIN(5, Limits.MESSAGE_BYTES_MAX, Limits.MESSAGE_BYTES_MAX, 0),
    /** Node to client, unasked and unanswered; the payload is a message. */
    EVENT(6, 0, Limits.MESSAGE_BYTES_MAX, 0),
    /** Answered with whole blocks and their checksums. */
    READ(16, 0, Limits.PAYLOAD_BYTES_MAX, 0),
    /** Carries checksums and data. */
    WRITE(17, Limits.PAYLOAD_BYTES_MAX, 0, FrameFlags.FUA),
    /** Makes exactly the range zero. */
    WRITE_ZEROES(18, 0, 0, FrameFlags.FUA | FrameFlags.UNMAP),
    /** Deallocates the whole blocks inside the range. */
    DISCARD(19, 0, 0, FrameFlags.FUA),
    /** Makes every write answered before durable. */
    FLUSH(20, 0, 0, 0),
    /** Asks for runs of absent, zero and data; the answer's payload is a message. */
    BLOCK_STATUS(21, 0, Limits.MESSAGE_BYTES_MAX, 0),
    /** A reader found blocks that don't match the checksums that came with them. */
    REPORT_CORRUPT(22, 0, 0, 0);

    private static final Opcode[] BY_CODE = new Opcode[32];

    static {
        for (Opcode opcode : values()) {
            BY_CODE[opcode.code] = opcode;
        }
    }

    private final int code;
    private final int requestPayloadBytesMax;
    private final int answerPayloadBytesMax;
    private final int requestFlags;

    Opcode(int code, int requestPayloadBytesMax, int answerPayloadBytesMax, int requestFlags) {
        this.code = code;
        this.requestPayloadBytesMax = requestPayloadBytesMax;
        this.answerPayloadBytesMax = answerPayloadBytesMax;
        this.requestFlags = requestFlags;
    }

    /** Returns the operation with this code, or null. */
    public static Opcode ofCode(int code) {
        return code >= 0 && code < BY_CODE.length ? BY_CODE[code] : null;
    }

    /** Returns the code, 1 to 31. */
    public int code() {
        return code;
    }

    /** Returns the most payload bytes of a request. */
    public int requestPayloadBytesMax() {
        return requestPayloadBytesMax;
    }

    /** Returns the most payload bytes of an answer whose status is OK; any other may carry an {@code ErrorDetail}. */
    public int answerPayloadBytesMax() {
        return answerPayloadBytesMax;
    }

    /** Returns the flags that a request may set. */
    public int requestFlags() {
        return requestFlags;
    }
}
