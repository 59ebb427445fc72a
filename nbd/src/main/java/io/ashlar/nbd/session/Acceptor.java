package io.ashlar.nbd.session;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.net.Pacing;
import io.netty.buffer.PooledByteBufAllocator;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.EventLoop;
import io.netty.channel.WriteBufferWaterMark;
import io.netty.channel.epoll.EpollChannelOption;
import io.netty.channel.epoll.EpollSocketChannel;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Takes new connections, spreads them over the data loops in turn, and turns those above the limit away. */
@ConfinedTo(LoopKind.DATA)
final class Acceptor extends ChannelInboundHandlerAdapter {
    private static final Logger LOG = LoggerFactory.getLogger(Acceptor.class);
    /** After a failure to accept, most likely for want of descriptors, trying at once would only burn the CPU. */
    private static final long RETRY_NS = TimeUnit.SECONDS.toNanos(1);
    /** After so long without an acknowledgement the peer is gone: its host is off or cut off. */
    private static final int USER_TIMEOUT_MS = 30_000;
    /** Answers that wait for the socket; decoding stops above and goes on below. */
    private static final WriteBufferWaterMark WATER_MARK = new WriteBufferWaterMark(512 << 10, 1 << 20);

    private final NbdServices services;
    private final List<SessionLoop> loops;
    private final AtomicInteger connectionCount;
    private final Pacing pacing;
    private int next;

    Acceptor(NbdServices services, List<SessionLoop> loops, AtomicInteger connectionCount, Pacing pacing) {
        this.services = services;
        this.loops = loops;
        this.connectionCount = connectionCount;
        this.pacing = pacing;
    }

    @Override
    public void channelRead(ChannelHandlerContext ctx, Object message) {
        Channel channel = (Channel) message;
        if (connectionCount.incrementAndGet() > services.limits().connectionsMax()) {
            connectionCount.decrementAndGet();
            LOG.warn("turned a connection away: there are {}", services.limits().connectionsMax());
            channel.unsafe().closeForcibly();
            return;
        }
        channel.closeFuture().addListener(closed -> connectionCount.decrementAndGet());
        SessionLoop loop = loops.get(next);
        next = (next + 1) % loops.size();
        configure(channel);
        channel.pipeline().addLast(new ChannelInitializer<>() {
            @Override
            protected void initChannel(Channel registered) {
                registered.pipeline().addLast(new Connection(services, loop, registered));
            }
        });
        EventLoop eventLoop = loop.loop().eventLoop();
        ChannelFuture unused = eventLoop.register(channel); // whose failure closes the channel
    }

    private void configure(Channel channel) {
        channel.config().setAutoRead(false);
        channel.config().setAllocator(PooledByteBufAllocator.DEFAULT);
        channel.config().setWriteBufferWaterMark(WATER_MARK);
        if (channel instanceof EpollSocketChannel) {
            channel.config().setOption(ChannelOption.TCP_NODELAY, true);
            channel.config().setOption(ChannelOption.SO_KEEPALIVE, true);
            channel.config().setOption(EpollChannelOption.TCP_USER_TIMEOUT, USER_TIMEOUT_MS);
            pacing.onConnected(channel);
        }
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
        LOG.warn("can't accept a connection: {}", cause.getMessage());
        ctx.channel().config().setAutoRead(false);
        loops.get(0).loop().schedule(() -> ctx.channel().config().setAutoRead(true), RETRY_NS);
    }
}
