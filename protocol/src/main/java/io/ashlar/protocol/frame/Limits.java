package io.ashlar.protocol.frame;

import com.google.errorprone.annotations.Immutable;
import io.ashlar.base.block.BlockGeometry;

/** The numbers that bound a connection ({@code docs/protocol.md}, "Limits"). Their relations are checked on loading. */
@Immutable
public final class Limits {
    /** The protocol version spoken here. */
    public static final int VERSION = 1;
    /** Length of the frame header. */
    public static final int HEADER_BYTES = 64;
    /** Data of one frame: a frame lies inside one region. */
    public static final int DATA_BYTES_MAX = BlockGeometry.REGION_BYTES;
    /** Blocks that one frame can touch. */
    public static final int CHECKSUMS_MAX = BlockGeometry.REGION_BLOCKS;
    /** Length of one checksum. */
    public static final int CHECKSUM_BYTES = 4;
    /** All checksums of a frame. */
    public static final int CHECKSUM_TABLE_BYTES_MAX = CHECKSUMS_MAX * CHECKSUM_BYTES;
    /** Payload of a data frame. */
    public static final int PAYLOAD_BYTES_MAX = CHECKSUM_TABLE_BYTES_MAX + DATA_BYTES_MAX;
    /** The largest frame. */
    public static final int FRAME_BYTES_MAX = HEADER_BYTES + PAYLOAD_BYTES_MAX;
    /** Payload of a frame that carries a protobuf message. */
    public static final int MESSAGE_BYTES_MAX = 64 << 10;
    /** Payload of a refusal: an {@code ErrorDetail}. */
    public static final int DETAIL_BYTES_MAX = 4 << 10;
    /** Requests unanswered on one connection, the most that a node grants. */
    public static final int IN_FLIGHT_MAX = 1024;
    /** UTF-8 bytes of a volume's name. */
    public static final int VOLUME_NAME_BYTES_MAX = 255;
    /** UTF-8 bytes of a host's id. */
    public static final int HOST_ID_BYTES_MAX = 255;
    /** Loops of one attachment. */
    public static final int LOOPS_MAX = 1024;
    /** Receive buffer of a fresh connection: a batch of sixty-odd 4 KiB frames in one read. */
    public static final int RECEIVE_BYTES_INITIAL = 256 << 10;
    /** Largest receive buffer: a frame of the largest size and what arrived with it. */
    public static final int RECEIVE_BYTES_MAX = 2 << 20;

    static {
        require(CHECKSUMS_MAX <= 0xFFFF, "checksumCount is 16 bits wide");
        require(DETAIL_BYTES_MAX <= MESSAGE_BYTES_MAX, "a detail is a message");
        require(MESSAGE_BYTES_MAX + HEADER_BYTES <= RECEIVE_BYTES_INITIAL, "messages fit a fresh receive buffer");
        require(FRAME_BYTES_MAX <= RECEIVE_BYTES_MAX, "every frame fits the receive buffer");
        require(Integer.bitCount(RECEIVE_BYTES_MAX / RECEIVE_BYTES_INITIAL) == 1, "growth is by doubling");
        require(VOLUME_NAME_BYTES_MAX + HOST_ID_BYTES_MAX + 256 <= DETAIL_BYTES_MAX, "a detail names both");
    }

    private Limits() {}

    private static void require(boolean holds, String relation) {
        if (!holds) {
            throw new ExceptionInInitializerError(relation);
        }
    }
}
