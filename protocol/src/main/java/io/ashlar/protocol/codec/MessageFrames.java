package io.ashlar.protocol.codec;

import com.google.errorprone.annotations.Immutable;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.MessageLite;
import com.google.protobuf.Parser;
import io.ashlar.base.checksum.Crc32c;
import io.ashlar.base.status.Status;
import io.ashlar.protocol.frame.FrameFlags;
import io.ashlar.protocol.frame.FrameHeader;
import io.ashlar.protocol.frame.Limits;
import io.ashlar.protocol.frame.Opcode;
import io.ashlar.protocol.message.ErrorDetail;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;

/**
 * Frames whose payload is a message or nothing: sessions, volume commands, refusals. They are rare, so each has a fresh
 * buffer, which the caller owns.
 */
@Immutable
public final class MessageFrames {
    private MessageFrames() {}

    /** Returns a request; message may be null for operations without one. */
    public static ByteBuf request(
            ByteBufAllocator allocator, Opcode opcode, long requestId, int handle, MessageLite message) {
        return frame(allocator, opcode, 0, requestId, handle, Status.OK, message);
    }

    /** Returns an answer with status OK; message may be null for operations without one. */
    public static ByteBuf answer(
            ByteBufAllocator allocator, Opcode opcode, long requestId, int handle, MessageLite message) {
        return frame(allocator, opcode, FrameFlags.RESPONSE, requestId, handle, Status.OK, message);
    }

    /** Returns an answer with another status; detail may be null, and is left out when it is too long. */
    public static ByteBuf refusal(
            ByteBufAllocator allocator, Opcode opcode, long requestId, int handle, Status status, ErrorDetail detail) {
        ErrorDetail fitting = detail != null && detail.getSerializedSize() <= Limits.DETAIL_BYTES_MAX ? detail : null;
        return frame(allocator, opcode, FrameFlags.RESPONSE, requestId, handle, status, fitting);
    }

    /** Returns an event. */
    public static ByteBuf event(ByteBufAllocator allocator, int handle, MessageLite message) {
        return frame(allocator, Opcode.EVENT, 0, 0, handle, Status.OK, message);
    }

    private static ByteBuf frame(
            ByteBufAllocator allocator,
            Opcode opcode,
            int flags,
            long requestId,
            int handle,
            Status status,
            MessageLite message) {
        byte[] payload = message == null ? new byte[0] : message.toByteArray();
        if (payload.length > Limits.MESSAGE_BYTES_MAX) {
            throw new IllegalArgumentException(opcode + " message of " + payload.length + " bytes");
        }
        ByteBuf frame = allocator.directBuffer(Limits.HEADER_BYTES + payload.length);
        new FrameHeader()
                .wrap(frame.writerIndex(Limits.HEADER_BYTES), 0)
                .clear()
                .opcode(opcode)
                .flags(flags)
                .requestId(requestId)
                .handle(handle)
                .statusCode(status.code())
                .payloadBytes(payload.length)
                .seal(new Crc32c());
        return frame.writeBytes(payload);
    }

    /** Reads a message from a payload; returns null when it isn't one. */
    public static <M extends MessageLite> M parse(Parser<M> parser, ByteBuf memory, int index, int length) {
        byte[] bytes = new byte[length];
        memory.getBytes(index, bytes);
        try {
            return parser.parseFrom(bytes);
        } catch (InvalidProtocolBufferException e) {
            return null;
        }
    }
}
