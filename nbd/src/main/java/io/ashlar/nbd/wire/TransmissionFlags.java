package io.ashlar.nbd.wire;

import com.google.errorprone.annotations.Immutable;

/** What an export can do, told at the end of the handshake ("doc/proto.md", "Transmission flags"). */
@Immutable
public final class TransmissionFlags {
    public static final int HAS_FLAGS = 1;
    public static final int READ_ONLY = 1 << 1;
    public static final int SEND_FLUSH = 1 << 2;
    public static final int SEND_FUA = 1 << 3;
    public static final int SEND_TRIM = 1 << 5;
    public static final int SEND_WRITE_ZEROES = 1 << 6;
    public static final int SEND_DF = 1 << 7;
    public static final int CAN_MULTI_CONN = 1 << 8;
    public static final int SEND_CACHE = 1 << 10;
    public static final int SEND_FAST_ZERO = 1 << 11;

    private TransmissionFlags() {}

    /**
     * Returns the flags of an export. Several connections are fine because a flush on any of them covers what was
     * answered on all ({@code Operation.FLUSH}); DF has a meaning only with structured replies.
     */
    public static int of(boolean readOnly, boolean structured) {
        int flags = HAS_FLAGS | SEND_FLUSH | SEND_FUA | CAN_MULTI_CONN | SEND_CACHE;
        flags |= readOnly ? READ_ONLY : SEND_TRIM | SEND_WRITE_ZEROES | SEND_FAST_ZERO;
        return structured ? flags | SEND_DF : flags;
    }
}
