package io.ashlar.protocol.frame;

import io.ashlar.base.status.Status;

/** How a peer broke the protocol: the only outcome of a bad frame. The connection is answered with the status and closed. */
public enum FrameFault {
    BAD_MAGIC(Status.MALFORMED, "not a frame: wrong magic number"),
    BAD_VERSION(Status.VERSION_UNSUPPORTED, "protocol version not supported"),
    BAD_HEADER_CHECKSUM(Status.MALFORMED, "header checksum does not match"),
    RESERVED_SET(Status.MALFORMED, "reserved field is not zero"),
    UNKNOWN_OPCODE(Status.UNKNOWN_OPERATION, "unknown opcode"),
    WRONG_DIRECTION(Status.MALFORMED, "request where an answer is due, or the reverse"),
    BAD_FLAGS(Status.MALFORMED, "flag not allowed for this operation"),
    STATUS_IN_REQUEST(Status.MALFORMED, "status in a request"),
    BAD_RANGE(Status.MALFORMED, "range not allowed for this operation"),
    PAYLOAD_TOO_LARGE(Status.LIMIT_EXCEEDED, "payload larger than this operation allows"),
    BAD_CHECKSUM_COUNT(Status.MALFORMED, "checksum count does not fit the range"),
    BAD_PAYLOAD_LENGTH(Status.MALFORMED, "payload length does not fit the range"),
    BAD_MESSAGE(Status.MALFORMED, "payload is not the message it should be"),
    OUT_OF_TURN(Status.MALFORMED, "frame not allowed in this state of the connection"),
    UNKNOWN_REQUEST(Status.MALFORMED, "answer to nothing that was asked"),
    TOO_MANY_IN_FLIGHT(Status.LIMIT_EXCEEDED, "more requests unanswered than granted");

    private final Status status;
    private final String text;

    FrameFault(Status status, String text) {
        this.status = status;
        this.text = text;
    }

    /** Returns the status that the peer is told; its remedy is to close the connection. */
    public Status status() {
        return status;
    }

    /** Returns whether the header is what the peer sent, so that its other fields can be believed. */
    public boolean isHeaderIntact() {
        return compareTo(BAD_HEADER_CHECKSUM) > 0;
    }

    /** Returns a few lower-case words for people. */
    public String text() {
        return text;
    }
}
