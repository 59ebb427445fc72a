package io.ashlar.client.session;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.loop.Loop;
import io.ashlar.base.net.EpollLoop;
import io.ashlar.protocol.codec.FrameWriter;
import io.ashlar.protocol.message.HelloAnswer;
import io.ashlar.protocol.message.OpenAnswer;
import io.netty.bootstrap.Bootstrap;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFactory;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelOption;
import io.netty.channel.WriteBufferWaterMark;
import io.netty.channel.epoll.EpollSocketChannel;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A connection to a node that is made again whenever it breaks, until it is ended: at most one TCP connection at a time,
 * and the next only after everything written to the last has been let go. {@link ConnectionState} has the states;
 * {@link Connection} is what lives as long as one TCP connection.
 */
@ConfinedTo(LoopKind.DATA)
public final class Session {
    private static final Logger LOG = LoggerFactory.getLogger(Session.class);
    /** Nothing waits for the peer in Netty's buffer but what the in-flight limit allows, so no mark is needed. */
    private static final WriteBufferWaterMark NO_WATER_MARK =
            new WriteBufferWaterMark(Integer.MAX_VALUE - 1, Integer.MAX_VALUE);

    private final SessionConfig config;
    private final EpollLoop loop;
    private final SessionListener listener;
    private final ChannelFactory<? extends Channel> channels;
    private ConnectionState state = ConnectionState.WAITING;
    private Connection connection;
    private Loop.Scheduled retry;
    private int backoffMs;
    private boolean wasReady;

    /** Creates a session that does nothing until {@link #start()}. */
    public Session(SessionConfig config, EpollLoop loop, SessionListener listener) {
        this(config, loop, listener, EpollSocketChannel::new);
    }

    /** Creates a session whose sockets come from elsewhere. */
    Session(
            SessionConfig config,
            EpollLoop loop,
            SessionListener listener,
            ChannelFactory<? extends Channel> channels) {
        this.config = config;
        this.loop = loop;
        this.listener = listener;
        this.channels = channels;
        backoffMs = config.backoffMsMin();
    }

    /** Begins to connect. */
    public void start() {
        loop.assertInLoop();
        connect();
    }

    /** Returns the state. */
    public ConnectionState state() {
        return state;
    }

    /** Returns whether requests may be sent now. */
    public boolean isReady() {
        return state == ConnectionState.READY;
    }

    /** Returns the sending end; valid while ready. */
    public FrameWriter writer() {
        return connection.writer();
    }

    /** Returns the open volume's handle; valid while ready. */
    public int handle() {
        return connection.handle();
    }

    private void moveTo(ConnectionState next) {
        if (!state.mayBecome(next)) {
            throw new IllegalStateException(state + " can't become " + next);
        }
        LOG.trace("{}: {} to {}", config.nodeText(), state, next);
        state = next;
    }

    private void connect() {
        retry = null;
        if (state == ConnectionState.CLOSED) {
            return;
        }
        moveTo(ConnectionState.CONNECTING);
        Connection attempt = new Connection(this, config, loop, listener);
        connection = attempt;
        ChannelFuture unused = new Bootstrap()
                .group(loop.eventLoop())
                .channelFactory(channels)
                .option(ChannelOption.TCP_NODELAY, true)
                .option(ChannelOption.SO_KEEPALIVE, true)
                .option(ChannelOption.CONNECT_TIMEOUT_MILLIS, config.connectTimeoutMs())
                .option(ChannelOption.WRITE_BUFFER_WATER_MARK, NO_WATER_MARK)
                .handler(attempt.initializer())
                .connect(config.node())
                .addListener((ChannelFutureListener) future -> inLoop(() -> connected(attempt, future)));
    }

    /** Where no socket can be had, the process being out of descriptors, Netty says so on a thread of its own. */
    private void inLoop(Runnable task) {
        if (loop.inLoop()) {
            task.run();
        } else {
            loop.execute(task);
        }
    }

    private void connected(Connection attempt, ChannelFuture future) {
        if (!future.isSuccess()) {
            refused(Refusal.unreachable(describe(future.cause())));
        } else if (state == ConnectionState.CONNECTING) {
            moveTo(ConnectionState.HELLO);
            attempt.greet();
        } else {
            connection = null;
            attempt.close();
            listener.onOver();
        }
    }

    /** Makes a few words out of Netty's "finishConnect(..) failed with error(-111): Connection refused: /address". */
    private static String describe(Throwable cause) {
        String message = cause.getMessage() == null ? cause.toString() : cause.getMessage();
        return message.replaceFirst("^.*error\\(-?\\d+\\): ", "")
                .replaceFirst(": \\S*/.*$", "")
                .toLowerCase(Locale.ROOT);
    }

    /** Goes on after the greeting. */
    void greeted(HelloAnswer hello) {
        if (listener.onHello(hello) && state == ConnectionState.HELLO) {
            moveTo(ConnectionState.OPENING);
            connection.open(listener.openMessage());
        }
    }

    /** Goes on after the volume has been opened. */
    void opened(OpenAnswer answer) {
        if (!listener.accepts(answer)) {
            end();
            return;
        }
        moveTo(ConnectionState.READY);
        backoffMs = config.backoffMsMin();
        wasReady = true;
        listener.onReady(answer);
    }

    /** Takes a refusal of an attempt whose connection is gone or was never made. */
    private void refused(Refusal refusal) {
        connection = null;
        if (state != ConnectionState.CLOSED) {
            boolean goOn = listener.onRefused(refusal);
            if (goOn && state != ConnectionState.CLOSED) {
                pause();
                return;
            }
            if (state != ConnectionState.CLOSED) {
                moveTo(ConnectionState.CLOSED);
            }
        }
        listener.onOver();
    }

    /** Takes the end of an established connection. */
    void lost(Refusal reason) {
        connection = null;
        if (wasReady) {
            wasReady = false;
            LOG.debug("{}: connection lost: {}", config.nodeText(), reason.message());
            if (state != ConnectionState.CLOSED) {
                pause();
            }
            listener.onLost();
            if (state == ConnectionState.CLOSED) {
                listener.onOver();
            }
        } else {
            refused(reason);
        }
    }

    private void pause() {
        moveTo(ConnectionState.WAITING);
        retry = loop.schedule(this::connect, TimeUnit.MILLISECONDS.toNanos(backoffMs));
        backoffMs = Math.min(2 * backoffMs, config.backoffMsMax());
    }

    /** Breaks the connection off, if there is one; another follows. */
    public void drop(String reason) {
        loop.assertInLoop();
        if (connection != null) {
            connection.drop(reason);
        }
    }

    /** Ends the session: no further connection. {@link SessionListener#onLost} still comes if it was ready. */
    public void end() {
        loop.assertInLoop();
        if (state == ConnectionState.CLOSED) {
            return;
        }
        moveTo(ConnectionState.CLOSED);
        if (retry != null) {
            retry.cancel();
        }
        if (connection == null) {
            listener.onOver();
        } else {
            connection.close();
        }
    }
}
