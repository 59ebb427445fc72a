package io.ashlar.server.session;

import io.ashlar.base.annotation.ThreadSafe;
import io.ashlar.base.net.EpollLoop;
import io.ashlar.base.net.Pacing;
import io.ashlar.base.time.Clock;
import io.ashlar.server.config.MemoryBudget;
import io.ashlar.server.config.ServerLimits;
import io.ashlar.server.metrics.LoopCounters;
import io.ashlar.server.registry.NodeIdentity;
import io.ashlar.server.registry.VolumeRegistry;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelOption;
import io.netty.channel.EventLoop;
import io.netty.channel.epoll.EpollServerSocketChannel;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;

/** The port that clients connect to: one acceptor on the first data loop, connections on all of them. */
@ThreadSafe
public final class BlockService {
    /** Connections that the kernel holds until they are accepted: a burst of hosts that reconnect. */
    private static final int BACKLOG = 1024;
    /** How often stopping looks whether the connections are gone. */
    private static final long POLL_MS = 10;

    private final List<SessionLoop> loops = new ArrayList<>();
    private final AtomicInteger connectionCount;
    private final NodeIdentity node;
    private final VolumeRegistry registry;
    private final EpollServerSocketChannel server = new EpollServerSocketChannel();

    /**
     * Prepares the service.
     *
     * @param counters one for each loop
     * @param budget what the loops' connections may take
     * @param connectionCount raised and lowered with each connection
     */
    public BlockService(
            List<EpollLoop> epollLoops,
            List<LoopCounters> counters,
            MemoryBudget budget,
            AtomicInteger connectionCount,
            NodeIdentity node,
            VolumeRegistry registry) {
        this.connectionCount = connectionCount;
        this.node = node;
        this.registry = registry;
        for (int i = 0; i < epollLoops.size(); i++) {
            loops.add(new SessionLoop(epollLoops.get(i), counters.get(i), budget));
        }
    }

    /**
     * Starts listening.
     *
     * @param spread whether connections go to the loops in turn
     * @throws IOException when the address can't be had
     */
    public void start(InetSocketAddress address, ServerLimits limits, boolean spread) throws IOException {
        NodeServices services = new NodeServices(node, registry, limits, new PeerLog(Clock.SYSTEM));
        server.config().setOption(ChannelOption.SO_BACKLOG, BACKLOG);
        server.config().setReuseAddress(true);
        server.pipeline().addLast(new Acceptor(services, loops, connectionCount, Pacing.off(server), spread));
        EventLoop first = loops.get(0).loop().eventLoop();
        check(first.register(server).awaitUninterruptibly());
        check(server.bind(address).awaitUninterruptibly());
    }

    private void check(ChannelFuture future) throws IOException {
        if (!future.isSuccess()) {
            server.close().awaitUninterruptibly();
            throw new IOException(future.cause().getMessage(), future.cause());
        }
    }

    /** Returns the address listened on, with the port that the kernel chose where 0 was asked for. */
    public InetSocketAddress address() {
        return server.localAddress();
    }

    /** Ends listening, has every connection answer what is under way and close; after the time closes them anyhow. */
    public void stop(long timeoutMs) {
        server.close().awaitUninterruptibly(timeoutMs);
        forEachConnection(Connection::stop);
        awaitNone(timeoutMs);
        forEachConnection(Connection::closeNow);
        awaitNone(timeoutMs);
    }

    private void forEachConnection(Consumer<Connection> action) {
        for (SessionLoop loop : loops) {
            loop.loop().execute(() -> List.copyOf(loop.connections()).forEach(action));
        }
    }

    private void awaitNone(long timeoutMs) {
        long deadlineNs = Clock.SYSTEM.nowNs() + TimeUnit.MILLISECONDS.toNanos(timeoutMs);
        while (connectionCount.get() > 0 && Clock.SYSTEM.nowNs() - deadlineNs < 0) {
            try {
                TimeUnit.MILLISECONDS.sleep(POLL_MS);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                return;
            }
        }
    }
}
