package io.ashlar.protocol.frame;

import com.google.errorprone.annotations.Immutable;

/** Bits of the header's {@code flags} field ({@code docs/protocol.md}, "Flags"). Undefined bits are refused. */
@Immutable
public final class FrameFlags {
    /** The frame answers a request. */
    public static final int RESPONSE = 1;
    /** Durable before the answer (force unit access). */
    public static final int FUA = 2;
    /** WRITE_ZEROES: the range may be deallocated. */
    public static final int UNMAP = 4;

    private FrameFlags() {}
}
