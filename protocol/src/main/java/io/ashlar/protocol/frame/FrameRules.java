package io.ashlar.protocol.frame;

import com.google.errorprone.annotations.Immutable;
import io.ashlar.base.block.BlockGeometry;
import io.ashlar.base.checksum.Crc32c;
import io.ashlar.base.status.Status;

/**
 * What a header must obey before anything it says is believed ({@code docs/protocol.md}, "Rules"). Geometry is not
 * known here: ranges are checked against the format's own bounds, and against the volume by whoever has it.
 */
@Immutable
public final class FrameRules {
    private FrameRules() {}

    /**
     * Checks a header.
     *
     * @return null when all rules are obeyed, else the first that is broken
     */
    public static FrameFault check(FrameHeader header, Direction direction, Crc32c crc) {
        if (header.magic() != FrameHeader.MAGIC) {
            return FrameFault.BAD_MAGIC;
        }
        if (header.version() != Limits.VERSION) {
            return FrameFault.BAD_VERSION;
        }
        if (!header.isIntact(crc)) {
            return FrameFault.BAD_HEADER_CHECKSUM;
        }
        if (header.reserved() != 0) {
            return FrameFault.RESERVED_SET;
        }
        Opcode opcode = header.opcode();
        if (opcode == null) {
            return FrameFault.UNKNOWN_OPCODE;
        }
        return direction == Direction.TO_NODE ? checkRequest(header, opcode) : checkAnswer(header, opcode);
    }

    private static FrameFault checkRequest(FrameHeader header, Opcode opcode) {
        int flags = header.flags();
        if ((flags & FrameFlags.RESPONSE) != 0 || opcode == Opcode.EVENT) {
            return FrameFault.WRONG_DIRECTION;
        }
        if ((flags & ~opcode.requestFlags()) != 0) {
            return FrameFault.BAD_FLAGS;
        }
        if (header.statusCode() != 0) {
            return FrameFault.STATUS_IN_REQUEST;
        }
        if (header.payloadBytes() > opcode.requestPayloadBytesMax()) {
            return FrameFault.PAYLOAD_TOO_LARGE;
        }
        if (!isRangeAllowed(opcode, header.offsetBytes(), header.lengthBytes())) {
            return FrameFault.BAD_RANGE;
        }
        return opcode == Opcode.WRITE ? checkData(header) : checkNoChecksums(header);
    }

    private static boolean isRangeAllowed(Opcode opcode, long offset, long length) {
        return switch (opcode) {
            case READ, WRITE, REPORT_CORRUPT -> isInside(offset, length, BlockGeometry.REGION_SHIFT);
            case WRITE_ZEROES, DISCARD -> isInside(offset, length, BlockGeometry.EXTENT_SHIFT);
            case BLOCK_STATUS ->
                offset >= 0
                        && length > 0
                        && offset < BlockGeometry.SIZE_BYTES_MAX
                        && length <= BlockGeometry.SIZE_BYTES_MAX - offset;
            case HELLO, OPEN, CLOSE, PING, ADMIN, EVENT, FLUSH -> offset == 0 && length == 0;
        };
    }

    /** Returns whether the range is not empty and lies inside one aligned unit of the largest possible volume. */
    private static boolean isInside(long offset, long length, int unitShift) {
        return offset >= 0
                && offset < BlockGeometry.SIZE_BYTES_MAX
                && length > 0
                && length <= 1L << unitShift
                && offset >>> unitShift == (offset + length - 1) >>> unitShift;
    }

    private static FrameFault checkAnswer(FrameHeader header, Opcode opcode) {
        int flags = header.flags();
        if (((flags & FrameFlags.RESPONSE) != 0) == (opcode == Opcode.EVENT)) {
            return FrameFault.WRONG_DIRECTION;
        }
        if ((flags & ~FrameFlags.RESPONSE) != 0) {
            return FrameFault.BAD_FLAGS;
        }
        if (header.statusCode() != Status.OK.code()) {
            return header.payloadBytes() > Limits.DETAIL_BYTES_MAX
                    ? FrameFault.PAYLOAD_TOO_LARGE
                    : checkNoChecksums(header);
        }
        if (header.payloadBytes() > opcode.answerPayloadBytesMax()) {
            return FrameFault.PAYLOAD_TOO_LARGE;
        }
        return opcode == Opcode.READ ? checkReadAnswer(header) : checkNoChecksums(header);
    }

    private static FrameFault checkReadAnswer(FrameHeader header) {
        long offset = header.offsetBytes();
        long length = header.lengthBytes();
        if (!isInside(offset, length, BlockGeometry.REGION_SHIFT) || !BlockGeometry.isBlockAligned(offset, length)) {
            return FrameFault.BAD_RANGE;
        }
        return checkData(header);
    }

    private static FrameFault checkData(FrameHeader header) {
        int count = header.checksumCount();
        long length = header.lengthBytes();
        if (count != BlockGeometry.blocksTouched(header.offsetBytes(), length)) {
            return FrameFault.BAD_CHECKSUM_COUNT;
        }
        return header.payloadBytes() == (long) count * Limits.CHECKSUM_BYTES + length
                ? null
                : FrameFault.BAD_PAYLOAD_LENGTH;
    }

    private static FrameFault checkNoChecksums(FrameHeader header) {
        return header.checksumCount() == 0 ? null : FrameFault.BAD_CHECKSUM_COUNT;
    }
}
