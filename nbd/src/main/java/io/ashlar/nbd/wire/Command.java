package io.ashlar.nbd.wire;

/** What a request asks for ("doc/proto.md", "Request types"), and the flags that it may have besides FUA. */
public enum Command {
    READ(0, CommandFlags.DF),
    WRITE(1, 0),
    DISCONNECT(2, 0),
    FLUSH(3, 0),
    TRIM(4, 0),
    CACHE(5, 0),
    WRITE_ZEROES(6, CommandFlags.NO_HOLE | CommandFlags.FAST_ZERO),
    BLOCK_STATUS(7, CommandFlags.REQ_ONE);

    private static final Command[] ALL = values();

    private final int code;
    private final int flags;

    Command(int code, int flags) {
        this.code = code;
        // Clients are known to set FUA on everything, and where nothing is written it means nothing.
        this.flags = flags | CommandFlags.FUA;
    }

    /** Returns the command with this code, or null. */
    public static Command ofCode(int code) {
        return code >= 0 && code < ALL.length ? ALL[code] : null;
    }

    /** Returns the code, which is the ordinal. */
    public int code() {
        return code;
    }

    /** Returns whether a request of this kind may have these flags. */
    public boolean mayHave(int requestFlags) {
        return (requestFlags & ~flags) == 0;
    }

    /** Returns whether it changes the volume. */
    public boolean changes() {
        return this == WRITE || this == TRIM || this == WRITE_ZEROES;
    }

    /** Returns whether it has a range of bytes. */
    public boolean hasRange() {
        return this != DISCONNECT && this != FLUSH;
    }
}
