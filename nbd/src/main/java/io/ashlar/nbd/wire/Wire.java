package io.ashlar.nbd.wire;

import com.google.errorprone.annotations.Immutable;

/** Magics, flags and sizes of the protocol ("doc/proto.md" of the NBD project, "Values"). Everything is big-endian. */
@Immutable
public final class Wire {
    /** First bytes of the server: "NBDMAGIC". */
    public static final long NBD_MAGIC = 0x4e42444d41474943L;
    /** Says newstyle negotiation, and begins each option: "IHAVEOPT". */
    public static final long OPTION_MAGIC = 0x49484156454F5054L;
    /** Begins each reply to an option. */
    public static final long OPTION_REPLY_MAGIC = 0x0003e889045565a9L;
    /** Begins each request. */
    public static final int REQUEST_MAGIC = 0x25609513;
    /** Begins a simple reply. */
    public static final int SIMPLE_REPLY_MAGIC = 0x67446698;
    /** Begins a chunk of a structured reply. */
    public static final int CHUNK_MAGIC = 0x668e33ef;

    /** Handshake flags of both sides: fixed newstyle; the 124 zeroes of EXPORT_NAME are left out. */
    public static final int FIXED_NEWSTYLE = 1;

    public static final int NO_ZEROES = 1 << 1;

    /** Magic, option, length. */
    public static final int OPTION_HEADER_BYTES = 16;
    /** Magic, option, reply type, length. */
    public static final int OPTION_REPLY_HEADER_BYTES = 20;
    /** Magic, flags, type, cookie, offset, length. */
    public static final int REQUEST_HEADER_BYTES = 28;
    /** Magic, error, cookie. */
    public static final int SIMPLE_REPLY_BYTES = 16;
    /** Magic, flags, type, cookie, length. */
    public static final int CHUNK_HEADER_BYTES = 20;
    /** A chunk's header and the offset of its data. */
    public static final int DATA_CHUNK_HEADER_BYTES = CHUNK_HEADER_BYTES + Long.BYTES;
    /** Zeroes behind EXPORT_NAME's answer, unless both sides left them out. */
    public static final int EXPORT_NAME_ZEROES = 124;
    /** Longest string, such as an export's name. */
    public static final int STRING_BYTES_MAX = 4096;
    /** Longest payload: what every server may be expected to take ("Block size constraints"). */
    public static final int PAYLOAD_BYTES_MAX = 32 << 20;

    /** Chunk flag: the last one of its reply. */
    public static final int CHUNK_DONE = 1;
    /** Chunk types. */
    public static final int CHUNK_NONE = 0;

    public static final int CHUNK_OFFSET_DATA = 1;
    public static final int CHUNK_BLOCK_STATUS = 5;
    public static final int CHUNK_ERROR = (1 << 15) + 1;

    /** The only metadata context there is, and its id here. */
    public static final String BASE_ALLOCATION = "base:allocation";

    public static final int BASE_ALLOCATION_ID = 1;
    /** States of base:allocation. */
    public static final int STATE_HOLE = 1;

    public static final int STATE_ZERO = 1 << 1;

    private Wire() {}
}
