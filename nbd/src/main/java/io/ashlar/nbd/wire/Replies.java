package io.ashlar.nbd.wire;

import com.google.errorprone.annotations.Immutable;
import io.netty.buffer.ByteBuf;

/**
 * Answers to requests, written at an absolute index. Big-endian ("doc/proto.md", "Simple reply message", "Structured reply
 * chunk message"):
 *
 * <pre>
 *   simple  | magic 4 | error 4 | cookie 8 |                                       data of a READ
 *   chunk   | magic 4 | flags 2 | type 2 | cookie 8 | length 4 |                   payload
 *   data    | ................. chunk ................ | offset 8 |                data
 *   error   | ................. chunk ................ | error 4 | text length 2 | text
 * </pre>
 */
@Immutable
public final class Replies {
    /** Length of an error chunk without a text. */
    public static final int ERROR_CHUNK_BYTES = Wire.CHUNK_HEADER_BYTES + Integer.BYTES + Short.BYTES;

    private Replies() {}

    /** Writes a simple reply's {@link Wire#SIMPLE_REPLY_BYTES}. */
    public static void putSimple(ByteBuf buffer, int at, NbdError error, long cookie) {
        buffer.setInt(at, Wire.SIMPLE_REPLY_MAGIC);
        buffer.setInt(at + 4, error.code());
        buffer.setLong(at + 8, cookie);
    }

    /** Writes a chunk's {@link Wire#CHUNK_HEADER_BYTES}. */
    public static void putChunk(ByteBuf buffer, int at, int flags, int type, long cookie, int lengthBytes) {
        buffer.setInt(at, Wire.CHUNK_MAGIC);
        buffer.setShort(at + 4, flags);
        buffer.setShort(at + 6, type);
        buffer.setLong(at + 8, cookie);
        buffer.setInt(at + 16, lengthBytes);
    }

    /** Writes the {@link Wire#DATA_CHUNK_HEADER_BYTES} in front of data of this length. */
    public static void putData(ByteBuf buffer, int at, int flags, long cookie, long offsetBytes, int dataBytes) {
        putChunk(buffer, at, flags, Wire.CHUNK_OFFSET_DATA, cookie, Long.BYTES + dataBytes);
        buffer.setLong(at + Wire.CHUNK_HEADER_BYTES, offsetBytes);
    }

    /** Writes the last chunk of a reply that failed, {@link #ERROR_CHUNK_BYTES}. */
    public static void putError(ByteBuf buffer, int at, NbdError error, long cookie) {
        putChunk(buffer, at, Wire.CHUNK_DONE, Wire.CHUNK_ERROR, cookie, ERROR_CHUNK_BYTES - Wire.CHUNK_HEADER_BYTES);
        buffer.setInt(at + Wire.CHUNK_HEADER_BYTES, error.code());
        buffer.setShort(at + Wire.CHUNK_HEADER_BYTES + Integer.BYTES, 0);
    }
}
