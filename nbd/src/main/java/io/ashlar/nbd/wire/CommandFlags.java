package io.ashlar.nbd.wire;

import com.google.errorprone.annotations.Immutable;

/** Flags of requests ("doc/proto.md", "Command flags"). */
@Immutable
public final class CommandFlags {
    /** Durable before the answer. */
    public static final int FUA = 1;
    /** WRITE_ZEROES: do not deallocate. */
    public static final int NO_HOLE = 1 << 1;
    /** READ: the answer is one chunk. */
    public static final int DF = 1 << 2;
    /** BLOCK_STATUS: one run is enough. */
    public static final int REQ_ONE = 1 << 3;
    /** WRITE_ZEROES: only if it is faster than writing. */
    public static final int FAST_ZERO = 1 << 4;

    private CommandFlags() {}
}
