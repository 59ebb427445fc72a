package io.ashlar.server.session;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.block.BlockRequest;
import io.ashlar.base.block.RequestList;
import io.ashlar.base.status.Status;
import io.ashlar.protocol.codec.FrameDecoder;
import io.ashlar.protocol.codec.FrameWriter;
import io.ashlar.protocol.frame.Direction;
import io.ashlar.protocol.frame.FrameHeader;
import io.ashlar.protocol.frame.Opcode;
import io.ashlar.server.config.MemoryBudget;
import io.ashlar.server.config.ServerLimits;
import io.ashlar.server.metrics.LoopCounters;
import io.ashlar.server.metrics.NodeEvent;
import io.netty.buffer.ByteBuf;
import io.netty.channel.Channel;
import java.util.ArrayList;
import java.util.concurrent.TimeUnit;

/**
 * The requests of one connection, from frame to answer: slots, batches and back-pressure.
 *
 * <pre>
 *   frame --accept--> [parked while congested] --execute--> store --completed--> answer --end of batch--> socket
 * </pre>
 *
 * Congested means that the client takes its answers too slowly, or that too much of what it sent waits for the disk. Then
 * reads wait (writes lie in the receive buffer already and their answers are small), and the connection is not read from.
 * The same where the loop's connections together have used up its {@link MemoryShare}, until this one's turn comes.
 */
@ConfinedTo(LoopKind.DATA)
final class RequestFlow {
    /** Shorter than any client waits for a PING's answer; most pauses are far shorter. */
    private static final long DEAF_NS = TimeUnit.SECONDS.toNanos(1);

    private final Connection connection;
    private final SessionLoop loop;
    private final LoopCounters counters;
    private final ServerLimits limits;
    private final Channel channel;
    private final FrameWriter writer;
    private final MemoryShare.Claim receiveMemory;
    private final MemoryShare.Claim answerMemory;
    private final PinPool payloadPins;
    private final PinPool answerPins;
    private final FrameDecoder decoder;
    private final AnswerBuffer answers;
    private final DataRequests data;
    private final RequestList parked = new RequestList();
    private final ArrayList<OpenVolume> dirty = new ArrayList<>();
    private final Runnable goOn = this::onCompletionsEnded;
    private int inFlight;
    private boolean inBatch;
    private boolean paused;
    private long pausedNs;
    /** When the latest request of the batch ended: one look at the clock a request serves as end and next start. */
    private long stampNs;

    RequestFlow(Connection connection, SessionLoop loop, ServerLimits limits, Channel channel, FrameWriter writer) {
        this.connection = connection;
        this.loop = loop;
        counters = loop.counters();
        this.limits = limits;
        this.channel = channel;
        this.writer = writer;
        receiveMemory = loop.receiveMemory().new Claim(MemoryBudget.RECEIVE_BYTES, this::onReceiveMemory);
        answerMemory = loop.answerMemory().new Claim(MemoryBudget.ANSWER_BYTES, goOn);
        payloadPins = new PinPool(receiveMemory);
        answerPins = new PinPool(answerMemory);
        decoder = new FrameDecoder(connection, Direction.TO_NODE, receiveMemory);
        answers = new AnswerBuffer(channel.alloc(), writer, answerPins, answerMemory);
        data = new DataRequests(loop, answers);
    }

    /** Returns what cuts the connection's bytes into frames. */
    FrameDecoder decoder() {
        return decoder;
    }

    /** Gives memory back that is not needed at once: other connections wait for some. */
    void trim() {
        decoder.trim();
        answers.trim();
    }

    private void onReceiveMemory() {
        if (decoder.mayReadOn()) {
            onCompletionsEnded();
        }
    }

    /** Says that a frame has come; returns when, as far as latency goes. */
    long stamp() {
        if (!inBatch) {
            inBatch = true;
            stampNs = loop.nowNs();
        }
        return stampNs;
    }

    /** Returns whether the connection has not been read from for long, so that a PING may lie there, though its client takes answers. */
    boolean isDeaf(long nowNs) {
        return paused && nowNs - pausedNs > DEAF_NS && channel.isWritable();
    }

    int inFlight() {
        return inFlight;
    }

    /** Takes a data request; the memory is borrowed, and kept alive where the store needs it longer. */
    void accept(OpenVolume volume, FrameHeader header, ByteBuf memory, int payloadIndex) {
        RequestSlot slot = loop.takeSlot();
        slot.begin(this, volume, header.opcode(), header.requestId(), stampNs);
        began();
        volume.requestBegan();
        Status status = data.decode(slot, header, memory, payloadIndex);
        if (!status.isOk()) {
            slot.complete(status);
        } else if (DataRequests.reads(slot) && (!parked.isEmpty() || isCongested() || !data.mayPrepare(slot))) {
            parked.add(slot);
        } else {
            execute(slot);
            if (!slot.hasEnded() && slot.opcode() == Opcode.WRITE) {
                keepPayload(slot, memory);
            }
        }
    }

    private void keepPayload(RequestSlot slot, ByteBuf memory) {
        PinPool.Pin pin = payloadPins.pin(memory);
        slot.pinPayload(pin);
        if (pin.isFresh()) {
            counters.happened(NodeEvent.RECEIVE_BUFFERS_KEPT);
        }
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
            counters.happened(NodeEvent.HAND_OFFS);
        }
    }

    /** Takes a data request back from the store, or from whoever found that it need not go there. */
    void completed(RequestSlot slot, Status status) {
        if (slot.payloadPin() != null) {
            payloadPins.unpin(slot.payloadPin());
            slot.pinPayload(null);
        }
        if (connection.isAnswering()) {
            long now = loop.nowNs();
            data.answer(slot, status);
            counters.answered(slot.opcode(), status, DataRequests.dataBytes(slot, status), now - slot.startNs());
            stampNs = now;
        } else {
            answers.abandon(slot);
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

    /** Answers a PING. */
    void answerPing(long requestId) {
        data.answerPlain(Opcode.PING, requestId, 0, Status.OK);
        counters.answered(Opcode.PING, Status.OK, 0, 0);
    }

    /** Counts a request in, of whatever kind. */
    void began() {
        inFlight++;
        counters.moved(NodeEvent.IN_FLIGHT, 1);
    }

    /** Counts a request out. */
    void ended() {
        inFlight--;
        counters.moved(NodeEvent.IN_FLIGHT, -1);
        if (inFlight == 0) {
            connection.onIdle();
        }
    }

    /** What had arrived has been accepted. */
    void onBatchEnd() {
        inBatch = false;
        endBatch();
    }

    /** Completions have come from elsewhere: their answers are sent, and what waited for room goes on. */
    void onCompletionsEnded() {
        if (!inBatch) {
            endBatch();
        }
    }

    /** The socket takes bytes again. Netty may say so in the middle of a flush, so what follows is posted. */
    void onWritable() {
        if (paused) {
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
            if (connection.state() == Connection.State.CLOSED) {
                return;
            }
            answers.emit();
            writer.flush();
        } while (mayResume());
        pauseOrGoOn();
    }

    private boolean isCongested() {
        return !channel.isWritable()
                || answers.unwrittenBytes() > limits.outboundBytesMax()
                || payloadPins.bytes() + answerPins.bytes() > limits.pooledBytesMax();
    }

    private boolean mayResume() {
        return !parked.isEmpty() && !isCongested() && data.mayPrepare((RequestSlot) parked.peek());
    }

    private void resume() {
        while (mayResume()) {
            execute((RequestSlot) parked.poll());
        }
    }

    private void pauseOrGoOn() {
        if (connection.state() == Connection.State.FAULTY) {
            return;
        }
        boolean pause = connection.state() == Connection.State.STOPPING
                || !parked.isEmpty()
                || receiveMemory.isWaiting()
                || isCongested();
        if (pause != paused) {
            paused = pause;
            if (pause) {
                pausedNs = loop.nowNs();
                counters.happened(NodeEvent.READ_PAUSES);
            }
            channel.config().setAutoRead(!pause);
        }
    }

    /** Hands answers that are complete to the writer, so that what is written next comes after them. */
    void emit() {
        answers.emit();
    }

    /** Ends parked requests unexecuted: those of a fenced volume with that answer, or all, because the connection ends. */
    void dropParked(OpenVolume only) {
        RequestList kept = new RequestList();
        for (BlockRequest next = parked.poll(); next != null; next = parked.poll()) {
            RequestSlot slot = (RequestSlot) next;
            if (only != null && slot.volume() != only) {
                kept.add(slot);
            } else {
                counters.happened(NodeEvent.REQUESTS_DROPPED);
                slot.complete(only == null ? Status.UNAVAILABLE : Status.FENCED);
            }
        }
        for (BlockRequest next = kept.poll(); next != null; next = kept.poll()) {
            parked.add(next);
        }
    }

    /** The connection has ended: what is parked is dropped, what the store has ends there unseen. */
    void close() {
        dropParked(null);
        answers.close();
        receiveMemory.end();
        answerMemory.end();
    }
}
