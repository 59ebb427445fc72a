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
    /** The successor has nothing to do but to read the answer. */
    private static final long TAKEN_NS = TimeUnit.SECONDS.toNanos(10);

    private final BridgeDaemon daemon;
    private final Path path;
    private final ServerSocketChannel server;
    private final UserPrincipal self;
    private final Runnable end;
    private final ThreadPoolExecutor threads;

    private ControlServer(BridgeDaemon daemon, Path path, ServerSocketChannel server, Runnable end) throws IOException {
        this.daemon = daemon;
        this.end = end;
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

    /**
     * Starts to answer for the bridge. A socket that a dead bridge has left is replaced.
     *
     * @param end asks the process to end, since another one has taken its devices over; returns at once
     */
    public static ControlServer start(BridgeDaemon daemon, Runnable end) throws IOException {
        Path path = daemon.controlSocket();
        Files.deleteIfExists(path); // the bridge holds the lock beside it: nobody listens here
        ServerSocketChannel server = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
        try {
            server.bind(UnixDomainSocketAddress.of(path));
            Files.setPosixFilePermissions(path, PosixFilePermissions.fromString("rw-------"));
            return new ControlServer(daemon, path, server, end);
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
        try (JsonLines lines = new JsonLines(client, JsonLines.REQUEST_BYTES_MAX)) {
            UserPrincipal peer =
                    client.getOption(ExtendedSocketOptions.SO_PEERCRED).user();
            if (!peer.equals(self) && !peer.getName().equals(ROOT)) {
                LOG.warn("turned user {} away", peer);
                lines.write(ControlJson.toBytes(BridgeAnswer.failed("the bridge answers its own user and root only")));
                return;
            }
            byte[] request = lines.read();
            while (request != null) {
                answer(lines, request);
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

    private void answer(JsonLines lines, byte[] line) throws IOException {
        BridgeRequest request;
        try {
            request = ControlJson.toRequest(line);
        } catch (IOException e) {
            lines.write(ControlJson.toBytes(BridgeAnswer.failed(e.getMessage())));
            return;
        }
        if (BridgeRequest.HANDOVER.equals(request.command())) {
            handOver(lines, request.pid());
        } else {
            lines.write(ControlJson.toBytes(answer(request)));
        }
    }

    /** Until the successor has said that it goes on, this bridge takes its devices back whatever happens. */
    private void handOver(JsonLines lines, long pid) throws IOException {
        LOG.info("process {} asks to take over", pid);
        List<String> devices;
        try {
            devices = daemon.handOver();
        } catch (BridgeException e) {
            lines.write(ControlJson.toBytes(BridgeAnswer.failed(e.getMessage())));
            return;
        }
        if (isTaken(lines, BridgeAnswer.staying(devices))) {
            daemon.handedOver(pid);
            end.run();
            return;
        }
        LOG.warn("process {} does not take over after all; going on", pid);
        try {
            daemon.takeBack();
        } catch (IOException | RuntimeException e) {
            LOG.error("can't go on, and leave the devices to the next bridge", e);
            end.run();
        }
    }

    private static boolean isTaken(JsonLines lines, BridgeAnswer answer) {
        try {
            lines.write(ControlJson.toBytes(answer));
            byte[] next = lines.read(TAKEN_NS);
            return next != null
                    && BridgeRequest.TAKEN.equals(ControlJson.toRequest(next).command());
        } catch (IOException e) {
            LOG.debug("the one who asked has gone", e);
            return false;
        }
    }

    private BridgeAnswer answer(BridgeRequest request) {
        try {
            String command = String.valueOf(request.command());
            String name = String.valueOf(request.name());
            return switch (command) {
                case BridgeRequest.ATTACH -> BridgeAnswer.of(List.of(daemon.attach(name, wish(request))));
                case BridgeRequest.DETACH -> BridgeAnswer.of(name, daemon.detach(name, request.force()));
                case BridgeRequest.LIST -> BridgeAnswer.of(daemon.attachments());
                case BridgeRequest.DRAIN -> BridgeAnswer.staying(daemon.drain());
                case BridgeRequest.TAKEN -> BridgeAnswer.failed("too late: this bridge goes on with its devices");
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
