package io.ashlar.nbd.session;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.loop.Loop;
import io.ashlar.nbd.handshake.Handshake;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import java.io.IOException;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One client's connection, from the greeting to its end.
 *
 * <pre>
 *   HANDSHAKE --GO--> SERVING --DISC, server stops--> ENDING --all answered--\
 *        \------too slow, ABORT, hang-up, broken protocol---------------------+--> CLOSED
 * </pre>
 */
@ConfinedTo(LoopKind.DATA)
final class Connection extends ChannelInboundHandlerAdapter {
    private static final Logger LOG = LoggerFactory.getLogger(Connection.class);

    private enum State {
        HANDSHAKE,
        SERVING,
        ENDING,
        CLOSED
    }

    private final NbdServices services;
    private final SessionLoop loop;
    private final Channel channel;
    private final ReceiveBuffers receive;
    private final AnswerBuffers answers;
    private final Handshake handshake;
    private final Runnable goOn = this::goOn;
    private Loop.Scheduled patience;
    private RequestFlow flow;
    private State state = State.HANDSHAKE;
    private boolean touched;
    private boolean flushDue;
    private boolean waitsForSocket;

    /** Creates the connection of a channel that is being registered, on its loop. */
    Connection(NbdServices services, SessionLoop loop, Channel channel) {
        this.services = services;
        this.loop = loop;
        this.channel = channel;
        receive = new ReceiveBuffers(channel.alloc());
        answers = new AnswerBuffers(channel);
        handshake = new Handshake(services.export());
        channel.config().setRecvByteBufAllocator(receive);
        loop.connections().add(this);
    }

    /** Greets the client, and gives it a while for its part. */
    @Override
    public void channelActive(ChannelHandlerContext ctx) {
        bePatient();
        ByteBuf greeting = channel.alloc().buffer();
        handshake.greet(greeting);
        ChannelFuture unused = channel.writeAndFlush(greeting, channel.voidPromise());
        channel.config().setAutoRead(true);
    }

    /** Gives the client a while to come to the end of the handshake, or to take the last answers. */
    private void bePatient() {
        patience = loop.loop()
                .schedule(
                        this::lostPatience,
                        TimeUnit.MILLISECONDS.toNanos(services.limits().handshakeTimeoutMs()));
    }

    private void lostPatience() {
        LOG.debug("{}: closed: too slow in state {}", channel, state);
        closeNow();
    }

    ReceiveBuffers receive() {
        return receive;
    }

    AnswerBuffers answers() {
        return answers;
    }

    /** Returns whether the client takes its answers. */
    boolean isWritable() {
        return channel.isWritable();
    }

    // ---- From the socket ----

    @Override
    @SuppressWarnings("ReferenceEquality") // the same buffer is meant, not the same contents
    public void channelRead(ChannelHandlerContext ctx, Object message) {
        ByteBuf bytes = (ByteBuf) message;
        try {
            if (bytes == receive.current()) {
                take();
            }
        } finally {
            bytes.release();
        }
    }

    private void take() {
        if (state == State.HANDSHAKE) {
            negotiate();
        }
        if (state == State.SERVING) {
            flow.decode();
        } else if (receive.current() != null) {
            skipWhenEnding();
        }
    }

    private void skipWhenEnding() {
        if (state != State.HANDSHAKE) {
            receive.current().skipBytes(receive.current().readableBytes());
        }
    }

    private void negotiate() {
        ByteBuf replies = channel.alloc().buffer();
        Handshake.Progress progress = handshake.decode(receive.current(), replies);
        receive.expect(Handshake.OPTION_BYTES_MAX);
        ChannelFuture unused = channel.writeAndFlush(replies, channel.voidPromise());
        if (progress == Handshake.Progress.CLOSE) {
            channel.config().setAutoRead(false);
            closeWhenFlushed(); // or when patience is lost
        } else if (progress == Handshake.Progress.TRANSMISSION && state == State.HANDSHAKE) {
            patience.cancel();
            flow = new RequestFlow(this, loop, services, handshake.terms());
            state = State.SERVING;
        }
    }

    @Override
    public void channelReadComplete(ChannelHandlerContext ctx) {
        loop.touch(this);
        loop.settle();
    }

    @Override
    public void channelWritabilityChanged(ChannelHandlerContext ctx) {
        if (channel.isWritable()) {
            wake(); // Netty may say so in the middle of a flush
        }
    }

    @Override
    public void channelInactive(ChannelHandlerContext ctx) {
        end();
    }

    /** A channel that was closed before it was active is never said to be inactive. */
    @Override
    public void handlerRemoved(ChannelHandlerContext ctx) {
        end();
    }

    private void end() {
        if (state == State.CLOSED) {
            return;
        }
        state = State.CLOSED;
        if (patience != null) {
            patience.cancel();
        }
        if (flow != null) {
            flow.close();
        }
        receive.release();
        answers.release();
        loop.connections().remove(this);
        loop.settle();
    }

    /** A reset connection is everyday life; anything else is a defect. Both end the connection. */
    @Override
    public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
        if (cause instanceof IOException) {
            LOG.debug("{}: {}", channel, cause.getMessage());
        } else {
            LOG.error("{}: closed after an internal error", channel, cause);
        }
        closeNow();
    }

    // ---- From the flow, the loop and the server ----

    /** Has the connection go on, from any thread. */
    void wake() {
        loop.loop().execute(goOn);
    }

    private void goOn() {
        loop.touch(this);
        loop.settle();
    }

    /** Returns whether it was not in the list of the touched. */
    boolean touch() {
        boolean fresh = !touched;
        touched = true;
        return fresh;
    }

    /** Returns whether it was not in the list of those to be flushed. */
    boolean markForFlush() {
        boolean fresh = !flushDue;
        flushDue = true;
        return fresh;
    }

    /** Works off what waited for room, and says whether more may come. */
    void resume() {
        touched = false;
        if (flow != null && flow.isDecoding()) {
            return; // completed inside submit: the end of what was received settles again
        }
        if (state == State.SERVING) {
            boolean mayRead = flow.decode();
            if (state == State.SERVING) {
                channel.config().setAutoRead(mayRead && receive.makeRoom());
            }
        }
    }

    /** Ends the batch for this connection. */
    void flush() {
        flushDue = false;
        if (state == State.CLOSED) {
            return;
        }
        answers.flush();
        if (state == State.SERVING && flow.waitsForSocket() && !waitsForSocket) {
            waitsForSocket = true;
            answers.whenSent(this::sent);
        }
        if (state == State.ENDING && flow.inFlight() == 0) {
            closeWhenFlushed();
        }
    }

    private void sent() {
        waitsForSocket = false;
        wake();
    }

    /** The client has said goodbye: what is in flight is answered, nothing more is read. */
    void disconnected() {
        state = State.ENDING;
        bePatient();
        loop.touch(this);
    }

    /** The client broke the protocol. */
    void fault(String reason) {
        LOG.info("{}: closed: {}", channel.remoteAddress(), reason);
        state = State.ENDING;
        closeNow();
    }

    /** The server stops: what is in flight is answered, what has arrived is refused. */
    void stop() {
        if (state == State.SERVING) {
            flow.refuseAll();
            flow.decode();
            if (state == State.SERVING) {
                state = State.ENDING;
            }
            goOn();
        } else if (state == State.HANDSHAKE) {
            closeNow();
        }
    }

    private void closeWhenFlushed() {
        ChannelFuture unused = channel.writeAndFlush(Unpooled.EMPTY_BUFFER).addListener(ChannelFutureListener.CLOSE);
    }

    /** Closes at once; what is unsent is dropped. */
    void closeNow() {
        ChannelFuture unused = channel.close();
    }
}
