package io.ashlar.server.session;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.net.Pacing;
import io.ashlar.server.metrics.NodeEvent;
import io.netty.buffer.PooledByteBufAllocator;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelOption;
import io.netty.channel.EventLoop;
import io.netty.channel.WriteBufferWaterMark;
import io.netty.channel.epoll.EpollChannelOption;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Takes new connections, gives each to a data loop, and refuses those above the limit. Where the process
 * has no descriptor left it waits a second: trying at once would only burn the CPU that could free some.
 */
@ConfinedTo(LoopKind.DATA)
final class Acceptor extends ChannelInboundHandlerAdapter {
    private static final long RETRY_NS = TimeUnit.SECONDS.toNanos(1);
    /** After so long without an acknowledgement the peer is gone: its host is off or cut off. */
    private static final int USER_TIMEOUT_MS = 30_000;
    /** Where nothing is under way, the kernel asks after this silence whether the peer is there, and then so often. */
    private static final int KEEPALIVE_IDLE_S = 30;

    private static final int KEEPALIVE_INTERVAL_S = 10;

    private final NodeServices services;
    private final List<SessionLoop> loops;
    private final AtomicInteger connectionCount;
    private final Pacing pacing;
    private final LoopChoice choice;

    Acceptor(
            NodeServices services,
            List<SessionLoop> loops,
            AtomicInteger connectionCount,
            Pacing pacing,
            boolean spread) {
        this.services = services;
        this.loops = loops;
        this.connectionCount = connectionCount;
        this.pacing = pacing;
        choice = new LoopChoice(loops.stream()
                .map(loop -> spread ? LoopChoice.NO_CPU : loop.loop().cpu())
                .toList());
    }

    @Override
    public void channelRead(ChannelHandlerContext ctx, Object message) {
        Channel channel = (Channel) message;
        if (connectionCount.incrementAndGet() > services.limits().connectionsMax()) {
            connectionCount.decrementAndGet();
            loops.get(0).counters().happened(NodeEvent.CONNECTIONS_REFUSED);
            services.log()
                    .line(
                            channel.remoteAddress(),
                            "refused: " + services.limits().connectionsMax() + " connections");
            channel.unsafe().closeForcibly();
            return;
        }
        loops.get(0).counters().happened(NodeEvent.CONNECTIONS_ACCEPTED);
        configure(channel);
        int index = choice.take(channel);
        SessionLoop loop = loops.get(index);
        EventLoop eventLoop = loop.loop().eventLoop();
        eventLoop.register(channel).addListener(registered -> {
            if (registered.isSuccess()) {
                begin(channel, loop, () -> gone(index));
            } else {
                gone(index);
                channel.unsafe().closeForcibly();
            }
        });
    }

    private void gone(int loop) {
        choice.giveBack(loop);
        connectionCount.decrementAndGet();
    }

    private void configure(Channel channel) {
        int high = services.limits().outboundBytesMax();
        channel.config().setAutoRead(false);
        channel.config().setAllocator(PooledByteBufAllocator.DEFAULT);
        channel.config().setWriteBufferWaterMark(new WriteBufferWaterMark(high / 2, high));
        channel.config().setOption(ChannelOption.TCP_NODELAY, true);
        channel.config().setOption(ChannelOption.SO_KEEPALIVE, true);
        channel.config().setOption(EpollChannelOption.TCP_KEEPIDLE, KEEPALIVE_IDLE_S);
        channel.config().setOption(EpollChannelOption.TCP_KEEPINTVL, KEEPALIVE_INTERVAL_S);
        channel.config().setOption(EpollChannelOption.TCP_USER_TIMEOUT, USER_TIMEOUT_MS);
        pacing.onConnected(channel);
    }

    /** On the connection's loop. */
    private void begin(Channel channel, SessionLoop loop, Runnable onEnd) {
        Connection connection = new Connection(services, loop, channel, onEnd);
        connection.start();
        channel.pipeline().addLast(connection.flow().decoder());
        channel.config().setAutoRead(true);
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
        services.log().line(ctx.channel().localAddress(), "can't accept a connection: " + cause.getMessage());
        ctx.channel().config().setAutoRead(false);
        loops.get(0).loop().schedule(() -> ctx.channel().config().setAutoRead(true), RETRY_NS);
    }
}
