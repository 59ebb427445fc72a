package io.ashlar.nbd.wire;

/** Answers to options ("doc/proto.md", "Option reply types"). */
public enum OptionReply {
    ACK(1),
    SERVER(2),
    INFO(3),
    META_CONTEXT(4),
    UNSUPPORTED(OptionReply.ERROR | 1),
    INVALID(OptionReply.ERROR | 3),
    UNKNOWN_EXPORT(OptionReply.ERROR | 6),
    SHUTDOWN(OptionReply.ERROR | 7),
    TOO_BIG(OptionReply.ERROR | 9);

    private static final int ERROR = 1 << 31;

    private final int code;

    OptionReply(int code) {
        this.code = code;
    }

    /** Returns the code; of an error the highest bit is set. */
    public int code() {
        return code;
    }
}
