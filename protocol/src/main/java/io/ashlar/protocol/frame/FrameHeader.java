package io.ashlar.protocol.frame;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.checksum.Crc32c;
import io.netty.buffer.ByteBuf;

/**
 * Flyweight over the 64 bytes in front of every frame, little-endian ({@code docs/protocol.md}, "Header"; a test
 * compares that table with the constants). Access is absolute: indexes of the buffer are neither used nor moved, and
 * nothing is retained.
 *
 * <pre>
 *   0        4    5    6      8          16      20     24           32           40       44      46       48    56      60
 *   +--------+----+----+------+----------+-------+------+------------+------------+--------+-------+--------+-----+-------+-----+
 *   | magic  |ver |op  |flags | request  | handle| layer| offset     | length     |payload |status |checksum| aux | reser-| crc |
 *   |        |    |    |      | id       |       |      | bytes      | bytes      | bytes  |       | count  |     | ved 0 |     |
 *   +--------+----+----+------+----------+-------+------+------------+------------+--------+-------+--------+-----+-------+-----+
 * </pre>
 */
@ConfinedTo(LoopKind.DATA)
public final class FrameHeader {
    /** "ASHL" in the order of the bytes. */
    public static final int MAGIC = 0x4C485341;

    public static final int MAGIC_OFFSET = 0;
    public static final int VERSION_OFFSET = 4;
    public static final int OPCODE_OFFSET = 5;
    public static final int FLAGS_OFFSET = 6;
    public static final int REQUEST_ID_OFFSET = 8;
    public static final int HANDLE_OFFSET = 16;
    public static final int LAYER_OFFSET = 20;
    public static final int OFFSET_BYTES_OFFSET = 24;
    public static final int LENGTH_BYTES_OFFSET = 32;
    public static final int PAYLOAD_BYTES_OFFSET = 40;
    public static final int STATUS_OFFSET = 44;
    public static final int CHECKSUM_COUNT_OFFSET = 46;
    public static final int AUX_OFFSET = 48;
    public static final int RESERVED_OFFSET = 56;
    public static final int CRC_OFFSET = 60;

    private ByteBuf buffer;
    private int start;

    /** Looks at the header that starts at the absolute index. Borrows the buffer until the next wrap. */
    public FrameHeader wrap(ByteBuf newBuffer, int newStart) {
        buffer = newBuffer;
        start = newStart;
        return this;
    }

    /** Sets all fields to zero, then magic and version. */
    public FrameHeader clear() {
        buffer.setZero(start, Limits.HEADER_BYTES);
        buffer.setIntLE(start + MAGIC_OFFSET, MAGIC);
        buffer.setByte(start + VERSION_OFFSET, Limits.VERSION);
        return this;
    }

    /** Computes and stores the header's checksum: the last step of encoding. */
    public FrameHeader seal(Crc32c crc) {
        buffer.setIntLE(start + CRC_OFFSET, crc.compute(buffer, start, CRC_OFFSET));
        return this;
    }

    /** Returns whether the stored checksum is that of the fields. */
    public boolean isIntact(Crc32c crc) {
        return crc.compute(buffer, start, CRC_OFFSET) == buffer.getIntLE(start + CRC_OFFSET);
    }

    /** Returns the magic number as it stands there. */
    public int magic() {
        return buffer.getIntLE(start + MAGIC_OFFSET);
    }

    /** Returns the protocol version. */
    public int version() {
        return buffer.getUnsignedByte(start + VERSION_OFFSET);
    }

    /** Returns the operation's code as it stands there. */
    public int opcodeValue() {
        return buffer.getUnsignedByte(start + OPCODE_OFFSET);
    }

    /** Returns the operation, or null where this version knows no such code. */
    public Opcode opcode() {
        return Opcode.ofCode(opcodeValue());
    }

    /** Sets the operation. */
    public FrameHeader opcode(Opcode opcode) {
        buffer.setByte(start + OPCODE_OFFSET, opcode.code());
        return this;
    }

    /** Returns the set of {@link FrameFlags}. */
    public int flags() {
        return buffer.getUnsignedShortLE(start + FLAGS_OFFSET);
    }

    /** Sets the flags, a set of {@link FrameFlags}. */
    public FrameHeader flags(int flags) {
        buffer.setShortLE(start + FLAGS_OFFSET, flags);
        return this;
    }

    /** Returns whether the flag is set. */
    public boolean has(int flag) {
        return (flags() & flag) != 0;
    }

    /** Returns the number by which an answer finds its request; chosen by the requester. */
    public long requestId() {
        return buffer.getLongLE(start + REQUEST_ID_OFFSET);
    }

    /** Sets the request's number. */
    public FrameHeader requestId(long requestId) {
        buffer.setLongLE(start + REQUEST_ID_OFFSET, requestId);
        return this;
    }

    /** Returns the open volume's handle, an unsigned number. */
    public int handle() {
        return buffer.getIntLE(start + HANDLE_OFFSET);
    }

    /** Sets the open volume's handle. */
    public FrameHeader handle(int handle) {
        buffer.setIntLE(start + HANDLE_OFFSET, handle);
        return this;
    }

    /** Returns the layer that the operation works on, an unsigned number; 0 as long as a volume has no snapshots. */
    public int layer() {
        return buffer.getIntLE(start + LAYER_OFFSET);
    }

    /** Sets the layer. */
    public FrameHeader layer(int layer) {
        buffer.setIntLE(start + LAYER_OFFSET, layer);
        return this;
    }

    /** Returns the first byte of the range; {@link FrameRules} refuses those that don't fit 63 bits. */
    public long offsetBytes() {
        return buffer.getLongLE(start + OFFSET_BYTES_OFFSET);
    }

    /** Returns the length of the range in bytes; {@link FrameRules} refuses those that don't fit 63 bits. */
    public long lengthBytes() {
        return buffer.getLongLE(start + LENGTH_BYTES_OFFSET);
    }

    /** Sets the range of the volume. */
    public FrameHeader range(long offsetBytes, long lengthBytes) {
        buffer.setLongLE(start + OFFSET_BYTES_OFFSET, offsetBytes);
        buffer.setLongLE(start + LENGTH_BYTES_OFFSET, lengthBytes);
        return this;
    }

    /** Returns the number of bytes behind the header, checksums included. */
    public long payloadBytes() {
        return buffer.getUnsignedIntLE(start + PAYLOAD_BYTES_OFFSET);
    }

    /** Sets the number of bytes behind the header. */
    public FrameHeader payloadBytes(int payloadBytes) {
        buffer.setIntLE(start + PAYLOAD_BYTES_OFFSET, payloadBytes);
        return this;
    }

    /** Returns the code of the outcome, 0 in requests. */
    public int statusCode() {
        return buffer.getUnsignedShortLE(start + STATUS_OFFSET);
    }

    /** Sets the code of the outcome. */
    public FrameHeader statusCode(int code) {
        buffer.setShortLE(start + STATUS_OFFSET, code);
        return this;
    }

    /** Returns how many checksums the payload begins with. */
    public int checksumCount() {
        return buffer.getUnsignedShortLE(start + CHECKSUM_COUNT_OFFSET);
    }

    /** Sets how many checksums the payload begins with. */
    public FrameHeader checksumCount(int count) {
        buffer.setShortLE(start + CHECKSUM_COUNT_OFFSET, count);
        return this;
    }

    /** Returns the field whose meaning the operation gives. */
    public long aux() {
        return buffer.getLongLE(start + AUX_OFFSET);
    }

    /** Sets the field whose meaning the operation gives. */
    public FrameHeader aux(long aux) {
        buffer.setLongLE(start + AUX_OFFSET, aux);
        return this;
    }

    /** Returns the field that must be zero. */
    public int reserved() {
        return buffer.getIntLE(start + RESERVED_OFFSET);
    }
}
