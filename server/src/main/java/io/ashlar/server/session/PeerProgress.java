package io.ashlar.server.session;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.protocol.codec.FrameDecoder;
import io.ashlar.protocol.codec.FrameWriter;
import io.netty.channel.Channel;
import io.netty.channel.ChannelOutboundBuffer;

/**
 * Whether a peer gets on with its part: takes its answers, and ends the frames that it begins. One that does neither keeps
 * memory that others wait for. Looked at about every two seconds, so a peer may have that much longer.
 */
@ConfinedTo(LoopKind.DATA)
final class PeerProgress {
    private final Channel channel;
    private final FrameWriter writer;
    private final FrameDecoder decoder;
    private final long timeoutNs;
    private long sentSeen;
    private long sentSeenNs;
    private long framesSeen;
    private long framesSeenNs;

    PeerProgress(Channel channel, FrameWriter writer, FrameDecoder decoder, long timeoutNs) {
        this.channel = channel;
        this.writer = writer;
        this.decoder = decoder;
        this.timeoutNs = timeoutNs;
    }

    /** Returns whether no byte of what waits for the peer was taken in time. */
    boolean takesNothing(long nowNs) {
        ChannelOutboundBuffer outbound = channel.unsafe().outboundBuffer();
        if (outbound == null) {
            return false;
        }
        long sent = writer.sentCount() + outbound.currentProgress();
        if (outbound.totalPendingWriteBytes() == 0 || sent != sentSeen) {
            sentSeen = sent;
            sentSeenNs = nowNs;
        }
        return nowNs - sentSeenNs > timeoutNs;
    }

    /** Returns whether a frame was begun and not ended in time. While the node does not read, the time does not run. */
    boolean leavesAFrameUnfinished(long nowNs) {
        if (!channel.config().isAutoRead() || !decoder.isInsideFrame() || decoder.frameCount() != framesSeen) {
            framesSeen = decoder.frameCount();
            framesSeenNs = nowNs;
        }
        return nowNs - framesSeenNs > timeoutNs;
    }
}
