package io.ashlar.client.session;

import com.google.protobuf.MessageLite;
import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.loop.Loop;
import io.ashlar.base.net.EpollLoop;
import io.ashlar.base.net.Pacing;
import io.ashlar.base.status.Status;
import io.ashlar.protocol.codec.FrameDecoder;
import io.ashlar.protocol.codec.FrameHandler;
import io.ashlar.protocol.codec.FrameWriter;
import io.ashlar.protocol.codec.MessageFrames;
import io.ashlar.protocol.frame.Direction;
import io.ashlar.protocol.frame.FrameFault;
import io.ashlar.protocol.frame.FrameHeader;
import io.ashlar.protocol.frame.Limits;
import io.ashlar.protocol.frame.Opcode;
import io.ashlar.protocol.message.ErrorDetail;
import io.ashlar.protocol.message.Event;
import io.ashlar.protocol.message.Hello;
import io.ashlar.protocol.message.HelloAnswer;
import io.ashlar.protocol.message.Open;
import io.ashlar.protocol.message.OpenAnswer;
import io.netty.buffer.ByteBuf;
import io.netty.channel.Channel;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import java.util.concurrent.TimeUnit;

/** One TCP connection of a {@link Session}, from the handshake to its end. */
@ConfinedTo(LoopKind.DATA)
final class Connection implements FrameHandler {
    /** Request ids of the connection's own frames; a volume's requests have others. */
    static final long OWN_ID = -1;

    /** What a node answers with when it could not make out the request's id. */
    private static final long UNKNOWN_ID = 0;

    private static final String SOFTWARE = "ashlar";

    private final Session session;
    private final SessionConfig config;
    private final EpollLoop loop;
    private final SessionListener listener;
    private Channel channel;
    private Pacing pacing;
    private FrameWriter writer;
    private int handle;
    private boolean greeted;
    private boolean opened;
    private boolean closed;
    private Refusal reason = Refusal.unreachable("connection closed by the node");
    private Loop.Scheduled watch;
    private boolean heard;
    private int silentMs;

    Connection(Session session, SessionConfig config, EpollLoop loop, SessionListener listener) {
        this.session = session;
        this.config = config;
        this.loop = loop;
        this.listener = listener;
    }

    ChannelInitializer<Channel> initializer() {
        return new ChannelInitializer<>() {
            @Override
            protected void initChannel(Channel fresh) {
                channel = fresh;
                pacing = Pacing.off(fresh);
                writer = new FrameWriter(fresh);
                fresh.pipeline().addLast(new FrameDecoder(Connection.this, Direction.TO_CLIENT));
            }
        };
    }

    FrameWriter writer() {
        return writer;
    }

    int handle() {
        return handle;
    }

    void greet() {
        greeted = true;
        if (closed) {
            session.lost(reason);
            return;
        }
        heard = true;
        pacing.onConnected(channel);
        watch();
        send(
                Opcode.HELLO,
                Hello.newBuilder()
                        .setVersionMin(Limits.VERSION)
                        .setVersionMax(Limits.VERSION)
                        .setSoftware(SOFTWARE)
                        .setHostId(config.hostId())
                        .build());
    }

    void open(Open message) {
        send(Opcode.OPEN, message);
    }

    private void send(Opcode opcode, MessageLite message) {
        writer.write(MessageFrames.request(channel.alloc(), opcode, OWN_ID, 0, message));
        writer.flush();
    }

    /** Closes; what is unsent here is dropped, and an OPEN without an answer taken back: the node must not get it much later. */
    void close() {
        if (opened) {
            writer.close();
        } else {
            reset();
        }
    }

    /** Breaks off: what is unsent is dropped, here and, as far as possible, in the kernel. */
    void drop(String why) {
        drop(Refusal.unreachable(why));
    }

    private boolean drop(Refusal why) {
        reason = why;
        reset();
        return false;
    }

    private void reset() {
        if (channel != null && channel.isOpen()) {
            channel.config().setOption(ChannelOption.SO_LINGER, 0);
            writer.close();
        }
    }

    private void watch() {
        watch = loop.schedule(this::lookForLife, TimeUnit.MILLISECONDS.toNanos(config.pingIntervalMs()));
    }

    private void lookForLife() {
        silentMs = heard ? 0 : silentMs + config.pingIntervalMs();
        heard = false;
        int patienceMs = session.state() == ConnectionState.HELLO ? config.connectTimeoutMs() : config.pingTimeoutMs();
        if (silentMs >= patienceMs) {
            drop("no answer for " + silentMs + " ms");
            return;
        }
        if (silentMs > 0 && session.state() != ConnectionState.HELLO) {
            send(Opcode.PING, null);
        }
        watch();
    }

    @Override
    public boolean onFrame(FrameHeader header, ByteBuf memory, int payloadIndex, int payloadBytes) {
        heard = true;
        if (header.opcode() == Opcode.EVENT) {
            return onEvent(memory, payloadIndex, payloadBytes);
        }
        Status status = Status.ofCode(header.statusCode());
        if (header.requestId() != OWN_ID && (header.requestId() != UNKNOWN_ID || status.isOk())) {
            boolean good = session.isReady() && listener.onAnswer(header, memory, payloadIndex, payloadBytes);
            return good || drop(Refusal.unreachable("the node broke the protocol"));
        }
        if (!status.isOk()) {
            return onRefusal(status, memory, payloadIndex, payloadBytes);
        }
        return switch (header.opcode()) {
            case HELLO -> onHello(memory, payloadIndex, payloadBytes);
            case OPEN -> onOpen(memory, payloadIndex, payloadBytes);
            default -> true; // a PING's answer; that it came is what counts
        };
    }

    private boolean onEvent(ByteBuf memory, int index, int length) {
        Event event = MessageFrames.parse(Event.parser(), memory, index, length);
        if (event == null) {
            return drop(Refusal.unreachable(FrameFault.BAD_MESSAGE.text()));
        }
        listener.onEvent(event);
        return true;
    }

    private boolean onRefusal(Status status, ByteBuf memory, int index, int length) {
        ErrorDetail detail = MessageFrames.parse(ErrorDetail.parser(), memory, index, length);
        return drop(Refusal.of(status, detail == null ? ErrorDetail.getDefaultInstance() : detail));
    }

    private boolean onHello(ByteBuf memory, int index, int length) {
        HelloAnswer hello = MessageFrames.parse(HelloAnswer.parser(), memory, index, length);
        if (hello == null
                || session.state() != ConnectionState.HELLO
                || hello.getVersion() != Limits.VERSION
                || hello.getInFlightMax() < 1
                || hello.getPayloadBytesMax() < Limits.PAYLOAD_BYTES_MAX) {
            return drop(Refusal.unreachable("the node's greeting makes no sense"));
        }
        session.greeted(hello);
        return true;
    }

    private boolean onOpen(ByteBuf memory, int index, int length) {
        OpenAnswer answer = MessageFrames.parse(OpenAnswer.parser(), memory, index, length);
        if (answer == null || session.state() != ConnectionState.OPENING || !answer.hasGeometry()) {
            return drop(Refusal.unreachable("the node's answer to OPEN makes no sense"));
        }
        handle = answer.getHandle();
        opened = true;
        session.opened(answer);
        return true;
    }

    @Override
    public void onBatchEnd() {
        if (session.isReady()) {
            listener.onBatchEnd();
        }
    }

    @Override
    public void onFault(FrameFault fault, long requestId) {
        String text = session.state() == ConnectionState.HELLO && fault == FrameFault.BAD_MAGIC
                ? "not an Ashlar node"
                : "the node broke the protocol: " + fault.text();
        drop(new Refusal(fault.status(), text, ErrorDetail.getDefaultInstance()));
    }

    @Override
    public void onClosed() {
        closed = true;
        if (watch != null) {
            watch.cancel();
        }
        if (greeted) {
            session.lost(reason);
        }
    }
}
