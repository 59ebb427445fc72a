package io.ashlar.server.session;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.block.BlockGeometry;
import io.ashlar.base.block.BlockRequest;
import io.ashlar.base.block.RequestList;
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
import io.netty.channel.ChannelOutboundBuffer;
import java.util.ArrayList;
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

    private final NodeServices services;
    private final SessionLoop loop;
    private final Channel channel;
    private final FrameWriter writer;
    private final PinPool pins = new PinPool();
    private final PinPool answerPins = new PinPool();
    private final AnswerBuffer answers;
    private final VolumeHandles handles;
    private final ControlRequests control;
    private final DataRequests data;
    private final RequestList parked = new RequestList();
    private final ArrayList<OpenVolume> dirty = new ArrayList<>();
    private final long sinceNs;
    private State state = State.NEW;
    private int inFlight;
    private boolean inBatch;
    private boolean paused;
    private long stampNs;
    private long sentSeen;
    private long sentSeenNs;
    private final Runnable goOn = this::onCompletionsEnded;

    /** Called when the connection is closed, once. */
    private final Runnable onEnd;

    Connection(NodeServices services, SessionLoop loop, Channel channel, Runnable onEnd) {
        this.services = services;
        this.loop = loop;
        this.channel = channel;
        this.onEnd = onEnd;
        writer = new FrameWriter(channel);
        answers = new AnswerBuffer(channel.alloc(), writer, answerPins);
        handles = new VolumeHandles(services.limits().handlesMax());
        control = new ControlRequests(this, services, handles);
        data = new DataRequests(this, loop, answers);
        sinceNs = loop.nowNs();
    }

    /** Begins, on the connection's loop. */
    void start() {
        loop.add(this);
        counters().moved(NodeEvent.CONNECTIONS_OPEN, 1);
    }

    // ---- frames

    @Override
    public boolean onFrame(FrameHeader header, ByteBuf memory, int payloadIndex, int payloadBytes) {
        if (!inBatch) {
            inBatch = true;
            stampNs = loop.nowNs();
        }
        Opcode opcode = header.opcode();
        if ((state == State.NEW) != (opcode == Opcode.HELLO) || state == State.FAULTY) {
            return fault(FrameFault.OUT_OF_TURN, opcode, header.requestId());
        }
        if (state == State.STOPPING) {
            counters().happened(NodeEvent.REQUESTS_DROPPED);
            return true;
        }
        if (inFlight == services.limits().inFlightMax()) {
            return fault(FrameFault.TOO_MANY_IN_FLIGHT, opcode, header.requestId());
        }
        return switch (opcode) {
            case READ, WRITE, WRITE_ZEROES, DISCARD, FLUSH, REPORT_CORRUPT -> onData(header, memory, payloadIndex);
            case PING -> {
                data.answerPlain(opcode, header.requestId(), 0, Status.OK);
                counters().answered(opcode, Status.OK, 0, 0);
                yield true;
            }
            case HELLO, OPEN, CLOSE, ADMIN, BLOCK_STATUS, EVENT ->
                control.onFrame(header, memory, payloadIndex, payloadBytes, stampNs);
        };
    }

    private boolean onData(FrameHeader header, ByteBuf memory, int payloadIndex) {
        OpenVolume volume = handles.find(header.handle());
        if (volume == null) {
            return refuseAndClose(header.opcode(), header.requestId(), Status.BAD_HANDLE, "unknown volume handle");
        }
        RequestSlot slot = loop.takeSlot();
        slot.begin(this, volume, header.opcode(), header.requestId(), stampNs);
        began();
        volume.requestBegan();
        Status status = data.decode(slot, header, memory, payloadIndex);
        if (!status.isOk()) {
            slot.complete(status);
        } else if (slot.opcode() == Opcode.READ && (isCongested() || !parked.isEmpty())) {
            parked.add(slot);
        } else {
            execute(slot);
            if (!slot.hasEnded() && slot.opcode() == Opcode.WRITE) {
                keepPayload(slot, memory);
            }
        }
        return true;
    }

    private void execute(RequestSlot slot) {
        OpenVolume volume = slot.volume();
        if (volume.state() == OpenVolume.State.FENCED) {
            slot.complete(Status.FENCED);
            return;
        }
        if (volume.markDirty()) {
            dirty.add(volume);
        }
        data.prepare(slot);
        volume.queue().submit(slot);
        if (!slot.hasEnded()) {
            counters().happened(NodeEvent.HAND_OFFS);
        }
    }

    private void keepPayload(RequestSlot slot, ByteBuf memory) {
        PinPool.Pin pin = pins.pin(memory);
        slot.pinPayload(pin);
        if (pin.isFresh()) {
            counters().happened(NodeEvent.RECEIVE_BUFFERS_KEPT);
        }
    }

    /** Takes a data request back from the store, or from whoever found that it need not go there. */
    void completed(RequestSlot slot, Status status) {
        if (slot.payloadPin() != null) {
            pins.unpin(slot.payloadPin());
            slot.pinPayload(null);
        }
        if (state == State.CLOSED || state == State.FAULTY) {
            answers.abandon(slot);
        } else {
            long now = loop.nowNs();
            data.answer(slot, status);
            counters().answered(slot.opcode(), status, data.dataBytes(slot, status), now - slot.startNs());
            stampNs = now;
        }
        if (slot.answerPin() != null) {
            answerPins.unpin(slot.answerPin());
            slot.pinAnswer(null);
        }
        OpenVolume volume = slot.volume();
        loop.giveSlot(slot);
        ended();
        volume.requestEnded();
    }

    /** Counts a request in. */
    void began() {
        inFlight++;
        counters().moved(NodeEvent.IN_FLIGHT, 1);
    }

    /** Counts a request out. */
    void ended() {
        inFlight--;
        counters().moved(NodeEvent.IN_FLIGHT, -1);
        if (state == State.STOPPING && inFlight == 0) {
            loop.loop().execute(this::closeWhenSent);
        }
    }

    // ---- batches and back-pressure

    @Override
    public void onBatchEnd() {
        inBatch = false;
        endBatch();
    }

    /** Completions have come from elsewhere: their answers are sent, and what waited for room goes on. */
    void onCompletionsEnded() {
        if (!inBatch) {
            endBatch();
        }
    }

    /** Netty may call this in the middle of a flush, so what follows is posted. */
    @Override
    public void onWritabilityChanged(boolean writable) {
        if (writable && paused) {
            loop.loop().execute(goOn);
        }
    }

    private void endBatch() {
        do {
            resume();
            for (int i = 0; i < dirty.size(); i++) {
                dirty.get(i).endBatch();
            }
            dirty.clear();
            if (state == State.CLOSED) {
                return;
            }
            answers.emit();
            writer.flush();
        } while (!parked.isEmpty() && !isCongested());
        pauseOrGoOn();
    }

    private boolean isCongested() {
        return !channel.isWritable()
                || answers.unwrittenBytes() > services.limits().outboundBytesMax()
                || pins.bytes() + answerPins.bytes() > services.limits().pooledBytesMax();
    }

    private void resume() {
        while (!parked.isEmpty() && !isCongested()) {
            execute((RequestSlot) parked.poll());
        }
    }

    private void pauseOrGoOn() {
        boolean pause = state == State.STOPPING || !parked.isEmpty() || isCongested();
        if (pause != paused) {
            paused = pause;
            if (pause) {
                counters().happened(NodeEvent.READ_PAUSES);
            }
            channel.config().setAutoRead(!pause);
        }
    }

    // ---- ends

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
            answers.emit();
            writer.write(MessageFrames.refusal(channel.alloc(), opcode, requestId, 0, status, detail));
            state = State.FAULTY;
            dropParked(null);
            writer.closeAfterFlush();
        }
        return false;
    }

    /** Tells the client that the node stops, answers what is under way, and closes. */
    void stop() {
        if (state == State.NEW || state == State.READY) {
            state = State.STOPPING;
            dropParked(null);
            send(MessageFrames.event(
                    channel.alloc(),
                    0,
                    Event.newBuilder()
                            .setKind(EventKind.EVENT_KIND_SHUTTING_DOWN)
                            .build()));
            pauseOrGoOn();
            if (inFlight == 0) {
                closeWhenSent();
            }
        }
    }

    private void closeWhenSent() {
        if (state == State.STOPPING) {
            answers.emit();
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
        dropParked(null);
        answers.close();
        handles.forEach(OpenVolume::connectionClosed);
        loop.remove(this);
        counters().moved(NodeEvent.CONNECTIONS_OPEN, -1);
        onEnd.run();
    }

    /** Ends parked requests unexecuted, of one volume or of all: without an answer, unless the volume is fenced. */
    private void dropParked(OpenVolume only) {
        RequestList kept = new RequestList();
        for (BlockRequest next = parked.poll(); next != null; next = parked.poll()) {
            RequestSlot slot = (RequestSlot) next;
            if (only != null && slot.volume() != only) {
                kept.add(slot);
                continue;
            }
            counters().happened(NodeEvent.REQUESTS_DROPPED);
            slot.complete(only == null ? Status.UNAVAILABLE : Status.FENCED);
        }
        for (BlockRequest next = kept.poll(); next != null; next = kept.poll()) {
            parked.add(next);
        }
    }

    // ---- news from the registry

    /** The volume has been superseded: its client is told, its waiting requests are refused. */
    void fenced(OpenVolume volume) {
        if (state == State.READY) {
            dropParked(volume);
            send(MessageFrames.event(
                    channel.alloc(),
                    volume.handle(),
                    Event.newBuilder().setKind(EventKind.EVENT_KIND_FENCED).build()));
        }
    }

    /** The volume has grown: its client is told. */
    void geometryChanged(OpenVolume volume, BlockGeometry geometry) {
        if (state == State.READY && volume.state() == OpenVolume.State.OPEN) {
            send(MessageFrames.event(
                    channel.alloc(),
                    volume.handle(),
                    Event.newBuilder()
                            .setKind(EventKind.EVENT_KIND_GEOMETRY_CHANGED)
                            .setGeometry(VolumeMessages.geometry(geometry))
                            .build()));
        }
    }

    /** Sends a frame of the control plane; takes it over. */
    void send(ByteBuf frame) {
        if (state == State.CLOSED || state == State.FAULTY) {
            frame.release();
            return;
        }
        writer.write(frame);
        if (!inBatch) {
            endBatch();
        }
    }

    /** HELLO has been understood. */
    void ready() {
        state = State.READY;
    }

    /** Once a second: drops a peer that has not said HELLO, and one that takes nothing of what is meant for it. */
    void tick(long nowNs) {
        long helloNs = TimeUnit.MILLISECONDS.toNanos(services.limits().helloTimeoutMs());
        if (state == State.NEW && nowNs - sinceNs > helloNs) {
            refuseAndClose(Opcode.HELLO, 0, Status.TIMED_OUT, "no HELLO in time");
        }
        ChannelOutboundBuffer outbound = channel.unsafe().outboundBuffer();
        if (outbound == null) {
            return;
        }
        long sent = writer.sentCount() + outbound.currentProgress();
        if (outbound.totalPendingWriteBytes() == 0 || sent != sentSeen) {
            sentSeen = sent;
            sentSeenNs = nowNs;
        } else if (nowNs - sentSeenNs
                > TimeUnit.MILLISECONDS.toNanos(services.limits().slowReaderTimeoutMs())) {
            counters().happened(NodeEvent.SLOW_READERS_DROPPED);
            services.log().line(channel.remoteAddress(), "closed: takes no answers");
            closeNow();
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

    VolumeRegistry registry() {
        return services.registry();
    }
}
