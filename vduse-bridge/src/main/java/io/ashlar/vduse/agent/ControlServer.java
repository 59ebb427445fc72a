package io.ashlar.vduse.agent;

import io.ashlar.base.annotation.ThreadSafe;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.nio.file.attribute.UserPrincipal;
import java.util.List;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.SynchronousQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import jdk.net.ExtendedSocketOptions;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The bridge's control socket: Unix domain, mode 0600, answering the bridge's own user and root only. A thread per
 * connection, since what is asked may block; sixteen at most, more are turned away.
 */
@ThreadSafe
public final class ControlServer implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(ControlServer.class);
    private static final int CONNECTIONS_MAX = 16;
    private static final String ROOT = "root";

    private final BridgeDaemon daemon;
    private final Path path;
    private final ServerSocketChannel server;
    private final UserPrincipal self;
    private final ThreadPoolExecutor threads;

    private ControlServer(BridgeDaemon daemon, Path path, ServerSocketChannel server) throws IOException {
        this.daemon = daemon;
        this.path = path;
        this.server = server;
        self = Files.getOwner(Path.of("/proc/self"));
        AtomicInteger numbers = new AtomicInteger();
        threads =
                new ThreadPoolExecutor(0, CONNECTIONS_MAX + 1, 10, TimeUnit.SECONDS, new SynchronousQueue<>(), task -> {
                    Thread thread = new Thread(task, "bridge-agent-" + numbers.getAndIncrement());
                    thread.setDaemon(true);
                    return thread;
                });
        threads.execute(this::acceptAll);
    }

    /** Starts to answer for the bridge. A socket that a dead bridge has left is replaced. */
    public static ControlServer start(BridgeDaemon daemon) throws IOException {
        Path path = daemon.controlSocket();
        Files.deleteIfExists(path); // the bridge holds the lock beside it: nobody listens here
        ServerSocketChannel server = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
        try {
            server.bind(UnixDomainSocketAddress.of(path));
            Files.setPosixFilePermissions(path, PosixFilePermissions.fromString("rw-------"));
            return new ControlServer(daemon, path, server);
        } catch (IOException | RuntimeException e) {
            server.close();
            throw new BridgeException("can't listen on " + path + ": " + e.getMessage(), e);
        }
    }

    private void acceptAll() {
        while (server.isOpen()) {
            try {
                SocketChannel client = server.accept();
                try {
                    threads.execute(() -> converse(client));
                } catch (RejectedExecutionException e) {
                    LOG.debug("turned a connection away", e);
                    client.close();
                }
            } catch (ClosedChannelException e) {
                LOG.trace("control socket closed", e);
                return;
            } catch (IOException e) {
                LOG.warn("control socket: {}", e.getMessage());
            }
        }
    }

    private void converse(SocketChannel client) {
        try (JsonLines lines = new JsonLines(client)) {
            UserPrincipal peer =
                    client.getOption(ExtendedSocketOptions.SO_PEERCRED).user();
            if (!peer.equals(self) && !peer.getName().equals(ROOT)) {
                LOG.warn("turned user {} away", peer);
                lines.write(ControlJson.toBytes(BridgeAnswer.failed("the bridge answers its own user and root only")));
                return;
            }
            byte[] request = lines.read();
            while (request != null) {
                lines.write(ControlJson.toBytes(answer(request)));
                request = lines.read();
            }
        } catch (IOException e) {
            LOG.debug("connection ended", e);
        }
    }

    private static AttachWish wish(BridgeRequest request) throws IOException {
        return new AttachWish(
                request.readOnly(),
                request.steal(),
                request.socket() == null ? null : SocketSequence.path(request.socket()),
                request.queues());
    }

    private BridgeAnswer answer(byte[] line) {
        BridgeRequest request;
        try {
            request = ControlJson.toRequest(line);
        } catch (IOException e) {
            return BridgeAnswer.failed(e.getMessage());
        }
        try {
            String command = String.valueOf(request.command());
            String name = String.valueOf(request.name());
            return switch (command) {
                case BridgeRequest.ATTACH -> BridgeAnswer.of(List.of(daemon.attach(name, wish(request))));
                case BridgeRequest.DETACH -> {
                    daemon.detach(name, request.force());
                    yield BridgeAnswer.of(List.of());
                }
                case BridgeRequest.LIST -> BridgeAnswer.of(daemon.attachments());
                case BridgeRequest.DRAIN -> new BridgeAnswer(null, List.of(), daemon.drain());
                default -> BridgeAnswer.failed("the bridge does not know the command '" + command + "'");
            };
        } catch (IOException e) {
            return BridgeAnswer.failed(e.getMessage());
        } catch (RuntimeException e) {
            LOG.error("{} {} failed", request.command(), request.name(), e);
            return BridgeAnswer.failed("internal error: " + e);
        }
    }

    /** Stops answering. What runs goes on to its end. */
    @Override
    public void close() throws IOException {
        server.close();
        Files.deleteIfExists(path);
        threads.shutdown();
    }
}
