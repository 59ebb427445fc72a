package io.ashlar.nbd.session;

import io.ashlar.base.annotation.ThreadSafe;
import io.ashlar.base.net.EpollLoop;
import io.ashlar.base.net.Pacing;
import io.ashlar.base.time.Clock;
import io.ashlar.nbd.handshake.NbdExport;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelOption;
import io.netty.channel.EventLoop;
import io.netty.channel.ServerChannel;
import io.netty.channel.epoll.EpollServerDomainSocketChannel;
import io.netty.channel.epoll.EpollServerSocketChannel;
import io.netty.channel.unix.DomainSocketAddress;
import io.netty.util.internal.PlatformDependent;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;

/**
 * Serves one export over NBD, on TCP or a Unix socket. Connections are spread over the data loops; each loop has its own
 * way into the device, opened with its first connection. Starting and closing block their caller: not on a loop.
 */
@ThreadSafe
public final class NbdServer implements AutoCloseable {
    private static final int BACKLOG = 128;
    private static final long POLL_MS = 5;
    private static final long LAST_CLOSE_MS = 1_000;

    private final NbdServices services;
    private final List<SessionLoop> loops = new ArrayList<>();
    private final AtomicInteger connectionCount = new AtomicInteger();
    private ServerChannel server;
    private UnixSocketFile file;

    private NbdServer(NbdExport export, NbdLimits limits, List<EpollLoop> epollLoops) {
        int largeReads = limits.largeReadsMax(PlatformDependent.estimateMaxDirectMemory());
        services = new NbdServices(export, limits, new WriteGate(), new AtomicInteger(largeReads));
        for (EpollLoop loop : epollLoops) {
            loops.add(new SessionLoop(loop, export.device()));
        }
    }

    /**
     * Looks whether a place to listen can be had, before a volume is taken for it.
     *
     * @param address a TCP address, or null
     * @param path a Unix socket, where there is no address
     * @throws IOException in one line, when it can't be had
     */
    public static void checkFree(InetSocketAddress address, Path path) throws IOException {
        if (address == null) {
            UnixSocketFile.checkFree(path);
            return;
        }
        try (ServerSocket probe = new ServerSocket()) {
            probe.setReuseAddress(true);
            probe.bind(address);
        } catch (IOException e) {
            throw new IOException(
                    "can't listen on " + address.getHostString() + ":" + address.getPort() + ": " + e.getMessage(), e);
        }
    }

    /**
     * Starts to serve on a TCP address.
     *
     * @throws IOException in one line, when the address can't be had
     */
    public static NbdServer listen(NbdExport export, NbdLimits limits, InetSocketAddress address, List<EpollLoop> loops)
            throws IOException {
        NbdServer result = new NbdServer(export, limits, loops);
        EpollServerSocketChannel channel = new EpollServerSocketChannel();
        channel.config().setReuseAddress(true);
        channel.config().setOption(ChannelOption.SO_BACKLOG, BACKLOG);
        result.server = channel;
        result.register();
        result.check(channel.bind(address), "can't listen on " + address.getHostString() + ":" + address.getPort());
        return result;
    }

    /**
     * Starts to serve on a Unix socket that only this user can connect to. One that a dead server has left is replaced.
     *
     * @throws IOException in one line, when the path can't be had
     */
    public static NbdServer listen(NbdExport export, NbdLimits limits, Path path, List<EpollLoop> loops)
            throws IOException {
        NbdServer result = new NbdServer(export, limits, loops);
        UnixSocketFile file = UnixSocketFile.prepare(path);
        EpollServerDomainSocketChannel channel = new EpollServerDomainSocketChannel();
        result.server = channel;
        try {
            result.register();
            DomainSocketAddress address =
                    new DomainSocketAddress(file.bindingPath().toString());
            result.check(channel.bind(address), "can't listen on " + path);
            file.publish();
        } catch (IOException e) {
            channel.close().awaitUninterruptibly();
            throw e;
        } finally {
            file.tidyUp();
        }
        result.file = file;
        return result;
    }

    private void register() throws IOException {
        server.pipeline().addLast(new Acceptor(services, loops, connectionCount, Pacing.off(server)));
        EventLoop first = loops.get(0).loop().eventLoop();
        check(first.register(server), "can't register a socket");
    }

    private void check(ChannelFuture future, String failure) throws IOException {
        if (!future.awaitUninterruptibly().isSuccess()) {
            server.close().awaitUninterruptibly();
            String cause = String.valueOf(future.cause().getMessage()).replaceFirst("^.*error\\(-?\\d+\\): ", "");
            throw new IOException(failure + ": " + cause, future.cause());
        }
    }

    /** Returns the TCP port listened on, which the kernel chose where 0 was asked for; 0 on a Unix socket. */
    public int port() {
        return ((Channel) server).localAddress() instanceof InetSocketAddress address ? address.getPort() : 0;
    }

    /** Returns how many connections there are. */
    public int connectionCount() {
        return connectionCount.get();
    }

    /** Returns what each data loop has counted. */
    public List<NbdCounters> counters() {
        return loops.stream().map(SessionLoop::counters).toList();
    }

    /** Ends listening, answers what is in flight, and closes; what takes too long is dropped. */
    @Override
    public void close() {
        server.close().awaitUninterruptibly();
        if (file != null) {
            file.remove();
        }
        forEachLoop(loop -> List.copyOf(loop.connections()).forEach(Connection::stop));
        awaitNone(services.limits().stopTimeoutMs());
        forEachLoop(loop -> List.copyOf(loop.connections()).forEach(Connection::closeNow));
        awaitNone(LAST_CLOSE_MS);
        forEachLoop(SessionLoop::close);
    }

    private void forEachLoop(Consumer<SessionLoop> action) {
        for (SessionLoop loop : loops) {
            loop.loop().eventLoop().submit(() -> action.accept(loop)).awaitUninterruptibly();
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
