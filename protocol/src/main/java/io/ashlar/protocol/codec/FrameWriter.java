package io.ashlar.protocol.codec;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelOutboundBuffer;
import io.netty.channel.socket.DuplexChannel;

/**
 * The sending end of a connection: frames are written in parts (a preallocated header, then views of the payload where
 * it lies) and flushed once per batch. Without promises, so that a part costs no allocation.
 *
 * <p>A part's memory must stand still until the kernel has taken it. {@link #write} numbers the parts and {@link
 * #isSent} says whether the kernel has: a slot whose last part is sent may be used again. When the connection ends,
 * everything counts as sent once {@link FrameHandler#onClosed} has been called.
 */
@ConfinedTo(LoopKind.DATA)
public final class FrameWriter {
    private final Channel channel;
    private long written;
    private int unflushed;

    /** Creates the sending end of the channel, on the channel's loop. */
    public FrameWriter(Channel channel) {
        this.channel = channel;
    }

    /**
     * Appends a part: the readable bytes of the buffer. Takes over one reference.
     *
     * @return the part's number, for {@link #isSent}
     */
    public long write(ByteBuf part) {
        unflushed++;
        written++;
        ChannelFuture unused = channel.write(part, channel.voidPromise());
        return written;
    }

    /** Sends what has been written, as far as the peer takes it; the rest follows by itself. */
    public void flush() {
        if (unflushed > 0) {
            unflushed = 0;
            channel.flush();
        }
    }

    /** Returns whether the kernel has taken the part, so that nothing here refers to its memory any more. */
    public boolean isSent(long part) {
        return part <= sentCount();
    }

    /** Returns how many parts the kernel has taken; parts are sent in the order of their numbers. */
    public long sentCount() {
        ChannelOutboundBuffer outbound = channel.unsafe().outboundBuffer();
        return outbound == null ? written : written - unflushed - outbound.size();
    }

    /**
     * Flushes, and says that nothing more follows. Closing at once would reset the connection while the peer still sends,
     * and a reset can overtake what it is to read. The caller closes when the peer has not done so for a while.
     */
    public void endAfterFlush() {
        unflushed = 0;
        ChannelFuture unused = channel.writeAndFlush(Unpooled.EMPTY_BUFFER)
                .addListener(flushed -> shutDownOutput(flushed.isSuccess()));
    }

    private void shutDownOutput(boolean flushed) {
        if (flushed && channel instanceof DuplexChannel duplex) {
            ChannelFuture unused = duplex.shutdownOutput();
        } else {
            close();
        }
    }

    /** Flushes, and closes the connection when that is done or has failed. */
    public void closeAfterFlush() {
        unflushed = 0;
        ChannelFuture unused = channel.writeAndFlush(Unpooled.EMPTY_BUFFER).addListener(ChannelFutureListener.CLOSE);
    }

    /** Closes the connection at once and drops what is unsent; {@link FrameHandler#onClosed} follows. */
    public void close() {
        ChannelFuture unused = channel.close();
    }
}
