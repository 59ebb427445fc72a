package io.ashlar.nbd.wire;

/** What a client may ask for during the handshake ("doc/proto.md", "Option types"); others are answered UNSUP. */
public enum Option {
    EXPORT_NAME(1),
    ABORT(2),
    LIST(3),
    STARTTLS(5),
    INFO(6),
    GO(7),
    STRUCTURED_REPLY(8),
    LIST_META_CONTEXT(9),
    SET_META_CONTEXT(10),
    EXTENDED_HEADERS(11);

    private static final Option[] BY_CODE = new Option[12];

    static {
        for (Option option : values()) {
            BY_CODE[option.code] = option;
        }
    }

    private final int code;

    Option(int code) {
        this.code = code;
    }

    /** Returns the option with this code, or null. */
    public static Option ofCode(int code) {
        return code >= 0 && code < BY_CODE.length ? BY_CODE[code] : null;
    }

    /** Returns the code. */
    public int code() {
        return code;
    }
}
