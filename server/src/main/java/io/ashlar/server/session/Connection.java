package io.ashlar.server.session;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.block.BlockGeometry;
import io.ashlar.base.status.Status;
import io.ashlar.protocol.codec.FrameHandler;
import io.ashlar.protocol.codec.FrameWriter;
import io.ashlar.protocol.codec.MessageFrames;
import io.ashlar.protocol.frame.FrameFault;
import io.ashlar.protocol.frame.FrameHeader;
import io.ashlar.protocol.frame.Opcode;
import io.ashlar.protocol.message.ErrorDetail;
import io.ashlar.protocol.message.Event;
import io.ashlar.protocol.message.EventKind;
import io.ashlar.server.metrics.LoopCounters;
import io.ashlar.server.metrics.NodeEvent;
import io.ashlar.server.registry.VolumeMessages;
import io.ashlar.server.registry.VolumeRegistry;
import io.netty.buffer.ByteBuf;
import io.netty.channel.Channel;
import io.netty.channel.ChannelException;
import io.netty.channel.epoll.EpollSocketChannel;
import java.util.concurrent.TimeUnit;

/**
 * One client's connection: its state, its limits, and the slots of its requests.
 *
 * <pre>
 *   NEW --HELLO--> READY --node stops--> STOPPING --answered--\
 *     \--------------+--fault--> FAULTY ------------------sent-+--> CLOSED
 * </pre>
 *
 * A request lives from its frame to its answer in a slot. Whatever is not executed when the connection ends is dropped;
 * what the store has by then ends there unseen, and only after that is the volume's ticket given back. A client that is
 * slow to read, or whose requests wait for the disk in large amounts, is not read from; reads received by then wait.
 */
@ConfinedTo(LoopKind.DATA)
final class Connection implements FrameHandler {
    /** Where it is in its life. */
    enum State {
        NEW,
        READY,
        STOPPING,
        FAULTY,
        CLOSED
    }

    /** {@code TCP_ESTABLISHED} of the kernel's net/tcp_states.h. */
    private static final int TCP_ESTABLISHED = 1;
    /** How long a peer that broke the protocol may take to read why. */
    private static final long FAULTY_NS = TimeUnit.SECONDS.toNanos(1);

    private final NodeServices services;
    private final SessionLoop loop;
    private final Channel channel;
    private final FrameWriter writer;
    private final RequestFlow flow;
    private final VolumeHandles handles;
    private final ControlRequests control;
    private final PeerProgress progress;
    private final Runnable onEnd;
    private final long sinceNs;
    private long faultyNs;
    private State state = State.NEW;

    /**
     * Creates the connection of a registered channel, on its loop.
     *
     * @param onEnd run once, when the connection has ended
     */
    Connection(NodeServices services, SessionLoop loop, Channel channel, Runnable onEnd) {
        this.services = services;
        this.loop = loop;
        this.channel = channel;
        this.onEnd = onEnd;
        writer = new FrameWriter(channel);
        flow = new RequestFlow(this, loop, services.limits(), channel, writer);
        progress = new PeerProgress(
                channel,
                writer,
                flow.decoder(),
                TimeUnit.MILLISECONDS.toNanos(services.limits().slowPeerTimeoutMs()));
        handles = new VolumeHandles(services.limits().handlesMax());
        control = new ControlRequests(this, services, handles);
        sinceNs = loop.nowNs();
    }

    /** Begins, on the connection's loop. */
    void start() {
        loop.add(this);
        counters().moved(NodeEvent.CONNECTIONS_OPEN, 1);
    }

    @Override
    public boolean onFrame(FrameHeader header, ByteBuf memory, int payloadIndex, int payloadBytes) {
        long arrivedNs = flow.stamp();
        Opcode opcode = header.opcode();
        if ((state == State.NEW) != (opcode == Opcode.HELLO) || state == State.FAULTY) {
            return fault(FrameFault.OUT_OF_TURN, opcode, header.requestId());
        }
        if (state == State.STOPPING) {
            counters().happened(NodeEvent.REQUESTS_DROPPED);
            return true;
        }
        if (opcode != Opcode.PING && flow.inFlight() == services.limits().inFlightMax()) {
            return fault(FrameFault.TOO_MANY_IN_FLIGHT, opcode, header.requestId());
        }
        return switch (opcode) {
            case READ, WRITE, WRITE_ZEROES, DISCARD, FLUSH, REPORT_CORRUPT -> onData(header, memory, payloadIndex);
            case PING -> {
                flow.answerPing(header.requestId());
                yield true;
            }
            case HELLO, OPEN, CLOSE, ADMIN, BLOCK_STATUS, EVENT ->
                control.onFrame(header, memory, payloadIndex, payloadBytes, arrivedNs);
        };
    }

    private boolean onData(FrameHeader header, ByteBuf memory, int payloadIndex) {
        OpenVolume volume = handles.find(header.handle());
        if (volume == null) {
            return refuseAndClose(header.opcode(), header.requestId(), Status.BAD_HANDLE, "unknown volume handle");
        }
        flow.accept(volume, header, memory, payloadIndex);
        return true;
    }

    @Override
    public void onBatchEnd() {
        flow.onBatchEnd();
    }

    @Override
    public void onWritabilityChanged(boolean writable) {
        if (writable) {
            flow.onWritable();
        }
    }

    /** Returns whether the client has ended the connection already, though what it sent before has not all been read. */
    boolean isAbandoned() {
        try {
            return channel instanceof EpollSocketChannel socket
                    && socket.tcpInfo().state() != TCP_ESTABLISHED;
        } catch (ChannelException e) {
            return true;
        }
    }

    /** Returns whether answers still go to the client. */
    boolean isAnswering() {
        return state != State.FAULTY && state != State.CLOSED;
    }

    /** Nothing is in flight any more. */
    void onIdle() {
        if (state == State.STOPPING) {
            loop.loop().execute(this::closeWhenSent);
        }
    }

    @Override
    public void onFault(FrameFault fault, long requestId) {
        fault(fault, Opcode.HELLO, requestId);
    }

    /** Answers a broken rule and closes the connection; returns false for the decoder. */
    boolean fault(FrameFault fault, Opcode opcode, long requestId) {
        return refuseAndClose(opcode, requestId, fault.status(), fault.text());
    }

    boolean refuseAndClose(Opcode opcode, long requestId, Status status, String reason) {
        ErrorDetail detail = ErrorDetail.newBuilder().setMessage(reason).build();
        return refuseAndClose(opcode, requestId, status, detail);
    }

    boolean refuseAndClose(Opcode opcode, long requestId, Status status, ErrorDetail detail) {
        if (state != State.FAULTY && state != State.CLOSED) {
            counters().happened(NodeEvent.PROTOCOL_FAULTS);
            services.log().line(channel.remoteAddress(), "closed: " + detail.getMessage());
            flow.emit();
            writer.write(MessageFrames.refusal(channel.alloc(), opcode, requestId, 0, status, detail));
            state = State.FAULTY;
            faultyNs = loop.nowNs();
            flow.dropParked(null);
            channel.config().setAutoRead(true); // what still comes is thrown away by the decoder
            writer.endAfterFlush();
        }
        return false;
    }

    /** Tells the client that the node stops, answers what is under way, and closes. */
    void stop() {
        if (state == State.NEW || state == State.READY) {
            state = State.STOPPING;
            flow.dropParked(null);
            sendEvent(0, Event.newBuilder().setKind(EventKind.EVENT_KIND_SHUTTING_DOWN));
            if (flow.inFlight() == 0) {
                closeWhenSent();
            }
        }
    }

    private void closeWhenSent() {
        if (state == State.STOPPING) {
            flow.emit();
            writer.closeAfterFlush();
        }
    }

    /** Closes at once. */
    void closeNow() {
        writer.close();
    }

    @Override
    public void onClosed() {
        if (state == State.CLOSED) {
            return;
        }
        state = State.CLOSED;
        flow.close();
        handles.forEach(OpenVolume::connectionClosed);
        loop.remove(this);
        counters().moved(NodeEvent.CONNECTIONS_OPEN, -1);
        onEnd.run();
    }

    /** The volume has been superseded: its client is told, its waiting requests are refused. */
    void fenced(OpenVolume volume) {
        if (state == State.READY) {
            flow.dropParked(volume);
            sendEvent(volume.handle(), Event.newBuilder().setKind(EventKind.EVENT_KIND_FENCED));
        }
    }

    /** The volume has grown: its client is told. */
    void geometryChanged(OpenVolume volume, BlockGeometry geometry) {
        if (state == State.READY && volume.state() == OpenVolume.State.OPEN) {
            sendEvent(
                    volume.handle(),
                    Event.newBuilder()
                            .setKind(EventKind.EVENT_KIND_GEOMETRY_CHANGED)
                            .setGeometry(VolumeMessages.geometry(geometry)));
        }
    }

    private void sendEvent(int handle, Event.Builder event) {
        send(MessageFrames.event(channel.alloc(), handle, event.build()));
    }

    /** Sends a frame of the control plane; takes it over. */
    void send(ByteBuf frame) {
        if (!isAnswering()) {
            frame.release();
            return;
        }
        writer.write(frame);
        flow.onCompletionsEnded();
    }

    /** HELLO has been understood. */
    void ready() {
        state = State.READY;
    }

    /** Every two seconds: drops a peer that does not do its part in time, and gives one that waits a sign of life. */
    void tick(long nowNs) {
        long helloNs = TimeUnit.MILLISECONDS.toNanos(services.limits().helloTimeoutMs());
        if (state == State.NEW && nowNs - sinceNs > helloNs) {
            refuseAndClose(Opcode.HELLO, 0, Status.TIMED_OUT, "no HELLO in time");
        } else if (state == State.FAULTY && nowNs - faultyNs > FAULTY_NS) {
            closeNow();
        } else if (progress.takesNothing(nowNs)) {
            counters().happened(NodeEvent.SLOW_PEERS_DROPPED);
            services.log().line(channel.remoteAddress(), "closed: takes no answers");
            closeNow();
        } else if (isAnswering() && progress.leavesAFrameUnfinished(nowNs)) {
            counters().happened(NodeEvent.SLOW_PEERS_DROPPED);
            refuseAndClose(Opcode.HELLO, 0, Status.TIMED_OUT, "a frame was not ended in time");
        } else if (state == State.READY && flow.isDeaf(nowNs)) {
            sendEvent(0, Event.newBuilder().setKind(EventKind.EVENT_KIND_WORKING)); // else we would be taken for dead
        }
    }

    State state() {
        return state;
    }

    Channel channel() {
        return channel;
    }

    SessionLoop loop() {
        return loop;
    }

    LoopCounters counters() {
        return loop.counters();
    }

    RequestFlow flow() {
        return flow;
    }

    VolumeRegistry registry() {
        return services.registry();
    }
}
