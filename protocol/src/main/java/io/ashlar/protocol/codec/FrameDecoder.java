package io.ashlar.protocol.codec;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.checksum.Crc32c;
import io.ashlar.protocol.frame.Direction;
import io.ashlar.protocol.frame.FrameFault;
import io.ashlar.protocol.frame.FrameHeader;
import io.ashlar.protocol.frame.FrameRules;
import io.ashlar.protocol.frame.Limits;
import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import java.io.IOException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Cuts a connection's bytes into frames, in place: nothing is allocated and nothing copied per frame. The last (and
 * usually only) handler of a pipeline; it reads into a {@link ReceiveBuffer} that it installs itself, and copies into it
 * whatever comes from elsewhere.
 *
 * <pre>
 *   HEADER --rules obeyed--> PAYLOAD --all there, handler goes on--> HEADER
 *      \--fault--> DEAF <------------handler has had enough----------/
 * </pre>
 *
 * A bad frame has one outcome, {@link FrameHandler#onFault}. Lengths are checked before any byte of payload is waited
 * for. A handler that throws has a defect: it is logged and the connection closed.
 */
@ConfinedTo(LoopKind.DATA)
public final class FrameDecoder extends ChannelInboundHandlerAdapter {
    private static final Logger LOG = LoggerFactory.getLogger(FrameDecoder.class);

    private enum State {
        HEADER,
        PAYLOAD,
        /** What arrives is thrown away until the connection is closed. */
        DEAF
    }

    private final FrameHandler handler;
    private final Direction direction;
    private final ReceiveMemory memory;
    private final Crc32c crc = new Crc32c();
    private final FrameHeader header = new FrameHeader();
    private ReceiveBuffer receive;
    private State state = State.HEADER;
    private int payloadBytes;
    private long frameCount;
    private boolean closed;

    /** Creates the decoder of one connection, which reads frames that travel in this direction. */
    public FrameDecoder(FrameHandler handler, Direction direction) {
        this(handler, direction, ReceiveMemory.UNBOUNDED);
    }

    /** Creates a decoder that asks for the memory which its buffers take. */
    public FrameDecoder(FrameHandler handler, Direction direction, ReceiveMemory memory) {
        this.handler = handler;
        this.direction = direction;
        this.memory = memory;
    }

    /** Gives memory back that reading on does not need at once. */
    public void trim() {
        if (receive != null) {
            receive.trim();
        }
    }

    /** Asks once more for the memory that reading on needs; returns whether it is there. */
    public boolean mayReadOn() {
        return receive == null || receive.mayReadOn();
    }

    /** Returns how many frames have been handed over. */
    public long frameCount() {
        return frameCount;
    }

    /** Returns whether a part of a frame has arrived and the rest has not. */
    public boolean isInsideFrame() {
        return receive != null && !receive.isReleased() && receive.buffer().isReadable();
    }

    @Override
    public void handlerAdded(ChannelHandlerContext ctx) {
        receive = new ReceiveBuffer(ctx.alloc(), memory);
        ctx.channel().config().setRecvByteBufAllocator(receive);
    }

    @Override
    public void handlerRemoved(ChannelHandlerContext ctx) {
        state = State.DEAF;
        receive.release();
        closeOnce();
    }

    @Override
    @SuppressWarnings("ReferenceEquality") // the same buffer is meant, not the same contents
    public void channelRead(ChannelHandlerContext ctx, Object message) {
        ByteBuf bytes = (ByteBuf) message;
        boolean foreign = !receive.isReleased() && bytes != receive.buffer();
        try {
            if (foreign) {
                copyAndDecode(bytes);
            } else if (!receive.isReleased()) {
                decode();
            }
        } finally {
            if (foreign) {
                bytes.release();
            } else {
                receive.letGo(bytes);
            }
        }
    }

    private void copyAndDecode(ByteBuf bytes) {
        while (bytes.isReadable() && !receive.isReleased()) {
            receive.makeRoom();
            ByteBuf buffer = receive.buffer();
            int piece = Math.min(bytes.readableBytes(), buffer.capacity() - buffer.writerIndex());
            buffer.writeBytes(bytes, piece);
            decode();
        }
    }

    private void decode() {
        boolean progress = true;
        while (progress) {
            progress = switch (state) {
                case HEADER -> decodeHeader();
                case PAYLOAD -> decodePayload();
                case DEAF -> discard();
            };
        }
    }

    private boolean decodeHeader() {
        ByteBuf buffer = receive.buffer();
        if (isMissing(Limits.HEADER_BYTES - buffer.readableBytes())) {
            return false;
        }
        header.wrap(buffer, buffer.readerIndex());
        FrameFault fault = FrameRules.check(header, direction, crc);
        if (fault != null) {
            state = State.DEAF;
            handler.onFault(fault, fault.isHeaderIntact() ? header.requestId() : 0);
            return true;
        }
        payloadBytes = (int) header.payloadBytes();
        state = State.PAYLOAD;
        return true;
    }

    private boolean decodePayload() {
        ByteBuf buffer = receive.buffer();
        int frameBytes = Limits.HEADER_BYTES + payloadBytes;
        if (isMissing(frameBytes - buffer.readableBytes())) {
            return false;
        }
        int start = buffer.readerIndex();
        buffer.readerIndex(start + frameBytes);
        header.wrap(buffer, start);
        state = State.DEAF;
        frameCount++;
        if (handler.onFrame(header, buffer, start + Limits.HEADER_BYTES, payloadBytes)) {
            state = State.HEADER;
        }
        return !receive.isReleased();
    }

    private boolean isMissing(int bytes) {
        receive.expect(Math.max(bytes, 0));
        return bytes > 0;
    }

    private boolean discard() {
        if (!receive.isReleased()) {
            receive.buffer().skipBytes(receive.buffer().readableBytes());
            receive.expect(0);
        }
        return false;
    }

    @Override
    public void channelReadComplete(ChannelHandlerContext ctx) {
        if (!closed) {
            receive.mayReadOn(); // where it may not, whoever refuses the memory stops the reading
            handler.onBatchEnd();
        }
    }

    @Override
    public void channelWritabilityChanged(ChannelHandlerContext ctx) {
        if (!closed) {
            handler.onWritabilityChanged(ctx.channel().isWritable());
        }
    }

    @Override
    public void channelInactive(ChannelHandlerContext ctx) {
        state = State.DEAF;
        closeOnce();
    }

    private void closeOnce() {
        if (!closed) {
            closed = true;
            handler.onClosed();
        }
    }

    /** A reset connection is everyday life; anything else is a defect of a handler. Both end the connection. */
    @Override
    public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
        state = State.DEAF;
        if (cause instanceof IOException) {
            LOG.debug("{}: {}", ctx.channel(), cause.getMessage());
        } else {
            LOG.error("{}: closed after an internal error", ctx.channel(), cause);
        }
        ChannelFuture unused = ctx.close();
    }
}
