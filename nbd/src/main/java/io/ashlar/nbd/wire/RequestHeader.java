package io.ashlar.nbd.wire;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.netty.buffer.ByteBuf;

/**
 * A request's header over a buffer; indexes are never moved. Big-endian ("doc/proto.md", "Request message"):
 *
 * <pre>
 *   0       4       6       8               16              24      28
 *   | magic | flags | type  |    cookie     |    offset     | length |  data of a WRITE
 * </pre>
 */
@ConfinedTo(LoopKind.DATA)
public final class RequestHeader {
    private static final int FLAGS_OFFSET = 4;
    private static final int TYPE_OFFSET = 6;
    private static final int COOKIE_OFFSET = 8;
    private static final int RANGE_OFFSET = 16;
    private static final int LENGTH_OFFSET = 24;

    private ByteBuf buffer;
    private int start;

    /** Looks at the buffer from this absolute index on; borrows it. */
    public RequestHeader wrap(ByteBuf newBuffer, int newStart) {
        buffer = newBuffer;
        start = newStart;
        return this;
    }

    /** Returns what must be {@link Wire#REQUEST_MAGIC}. */
    public int magic() {
        return buffer.getInt(start);
    }

    /** Returns the flags, see {@link CommandFlags}. */
    public int flags() {
        return buffer.getUnsignedShort(start + FLAGS_OFFSET);
    }

    /** Returns the code of the command, see {@link Command#ofCode}. */
    public int type() {
        return buffer.getUnsignedShort(start + TYPE_OFFSET);
    }

    /** Returns what the answer is to be known by. */
    public long cookie() {
        return buffer.getLong(start + COOKIE_OFFSET);
    }

    /** Returns the first byte of the range; an unsigned number, so a negative one is far beyond any volume. */
    public long offsetBytes() {
        return buffer.getLong(start + RANGE_OFFSET);
    }

    /** Returns the length of the range in bytes. */
    public long lengthBytes() {
        return buffer.getUnsignedInt(start + LENGTH_OFFSET);
    }

    /** Writes a whole header. */
    public RequestHeader set(int flags, Command command, long cookie, long offsetBytes, long lengthBytes) {
        buffer.setInt(start, Wire.REQUEST_MAGIC);
        buffer.setShort(start + FLAGS_OFFSET, flags);
        buffer.setShort(start + TYPE_OFFSET, command.code());
        buffer.setLong(start + COOKIE_OFFSET, cookie);
        buffer.setLong(start + RANGE_OFFSET, offsetBytes);
        buffer.setInt(start + LENGTH_OFFSET, (int) lengthBytes);
        return this;
    }
}
