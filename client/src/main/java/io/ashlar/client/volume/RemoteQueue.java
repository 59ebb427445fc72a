package io.ashlar.client.volume;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.block.BlockQueue;
import io.ashlar.base.block.BlockRequest;
import io.ashlar.base.block.Operation;
import io.ashlar.base.loop.Loop;
import io.ashlar.base.net.EpollLoop;
import io.ashlar.base.status.Status;
import io.ashlar.client.range.RangeOwner;
import io.ashlar.client.range.WakeList;
import io.ashlar.client.session.ConnectionState;
import io.ashlar.client.session.Refusal;
import io.ashlar.client.session.Session;
import io.ashlar.client.session.SessionListener;
import io.ashlar.protocol.frame.FrameHeader;
import io.ashlar.protocol.message.Event;
import io.ashlar.protocol.message.HelloAnswer;
import io.ashlar.protocol.message.Open;
import io.ashlar.protocol.message.OpenAnswer;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.PooledByteBufAllocator;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * One loop's way into a {@link RemoteVolume}: a connection of its own, a fixed number of request slots, and what waits.
 * {@link SlotTable} has the places a request passes through. A request keeps its place in the order of sending across
 * connections: when one breaks, everything unanswered is sent again, reads too, in the order of before.
 *
 * <p>Completions come while answers are read; {@link #settle} ends each batch: wakes other loops, begins what waited,
 * flushes the connection once, and tells the submitter.
 */
@ConfinedTo(LoopKind.DATA)
final class RemoteQueue implements BlockQueue, SessionListener, RangeOwner {
    /** A request that the node asked to try later is sent again after this time. */
    private static final long PAUSE_NS = TimeUnit.MILLISECONDS.toNanos(20);

    private final RemoteVolume volume;
    private final EpollLoop loop;
    private final int loopIndex;
    private final Runnable completionsEnded;
    private final VolumeCounters counters;
    private final Session session;
    private final SlotTable slots;
    private final RequestEncoder encoder;
    private final AnswerReader answers;
    private final GivingUp givingUp;
    private final Durability.Stamp stamp;
    private final WaitingRequests waiting = new WaitingRequests();
    private final WakeList woken = new WakeList();
    private final AtomicBoolean wakePending = new AtomicBoolean();
    private final Runnable onWake = this::settle;

    private int sendLimit;
    private int answersDue;
    private long incarnation;
    private int generation;
    private boolean inBatch;
    private boolean completedSome;
    private boolean resumeScheduled;
    private boolean closing;
    private boolean settling;
    private boolean released;
    private Status ended;

    RemoteQueue(RemoteVolume volume, EpollLoop loop, int loopIndex, Runnable completionsEnded) {
        this.volume = volume;
        this.loop = loop;
        this.loopIndex = loopIndex;
        this.completionsEnded = completionsEnded;
        counters = volume.counters();
        slots = new SlotTable(volume.options().requestsMax(), volume.ranges(), this, PooledByteBufAllocator.DEFAULT);
        encoder = new RequestEncoder(slots.prefixes());
        answers = new AnswerReader(this, slots, volume);
        givingUp = new GivingUp(this, slots, waiting, counters, volume.options().ioTimeoutMs());
        stamp = volume.durability().register();
        session = new Session(volume.options().session(), loop, this);
    }

    void start() {
        givingUp.startAt(loop.clock().nowNs());
        session.start();
        scheduleTick();
    }

    GivingUp givingUp() {
        return givingUp;
    }

    // ---- From the submitter ----

    @Override
    public void submit(BlockRequest request) {
        if (ended != null || closing) {
            request.complete(ended == null ? Status.UNAVAILABLE : ended);
        } else if (givingUp.isOverdue(request)) { // a part that waited to be cut
            request.complete(Status.TIMED_OUT);
        } else if (slots.hasFree() && waiting.isEmpty()) {
            begin(request);
        } else {
            waiting.add(request);
        }
    }

    private void begin(BlockRequest request) {
        RequestSlot slot = slots.take();
        slot.begin(request);
        if (request.operation() == Operation.FLUSH
                || slot.claim.start(
                        request.offsetBytes(),
                        request.lengthBytes(),
                        request.operation().changes())) {
            slots.toSend.add(slot);
            pump();
        } else {
            counters.heldBack.increment();
            slots.heldBack.add(slot);
        }
    }

    /** Writes what may be sent; nothing is flushed. */
    private void pump() {
        if (!session.isReady()) {
            return;
        }
        while (!slots.toSend.isEmpty() && slots.sent.count() < sendLimit) {
            RequestSlot slot = slots.toSend.poll();
            if (slot.is(Operation.FLUSH) && slot.flushNumber == 0) {
                slot.flushNumber = volume.durability().flushStarting();
            }
            slots.sent.add(slot);
            encoder.send(slot, session.writer(), session.handle());
        }
    }

    @Override
    public void endBatch() {
        if (!inBatch) {
            flush();
        }
    }

    private void flush() {
        loop.answersDue(slots.sent.count() - answersDue);
        answersDue = slots.sent.count();
        if (session.isReady()) {
            session.writer().flush();
        }
    }

    @Override
    public void close() {
        loop.assertInLoop();
        if (closing) {
            return;
        }
        closing = true;
        if (!session.isReady()) {
            givingUp.abandonAll();
        }
        settle();
    }

    // ---- From the session ----

    @Override
    public boolean onHello(HelloAnswer hello) {
        generation = volume.greeted(hello);
        sendLimit = Math.max(1, Math.min(slots.size(), hello.getInFlightMax() - AnswerReader.REPORTS_MAX - 1));
        answers.granted(hello.getInFlightMax() - sendLimit);
        return generation >= 0;
    }

    @Override
    public Open openMessage() {
        return volume.openMessage(loopIndex, incarnation);
    }

    @Override
    public boolean accepts(OpenAnswer opened) {
        if (volume.ended() == null && volume.opened(opened)) {
            return true;
        }
        endAll(volume.ended());
        return false;
    }

    @Override
    public void onReady(OpenAnswer opened) {
        incarnation = opened.getIncarnation();
        counters.connected.increment();
        slots.olderIncarnationEnded(woken);
        settle();
    }

    @Override
    public void onLost() {
        answers.lost();
        counters.lost.increment();
        counters.resent.add(slots.sent.count());
        slots.toSend.addAllFirst(slots.sent);
        if (ended != null) {
            givingUp.failAll(ended);
        } else if (closing) {
            givingUp.abandonAll();
        } else {
            givingUp.abandonOverdue();
        }
        settle();
    }

    @Override
    public boolean onRefused(Refusal refusal) {
        return volume.refused(refusal);
    }

    @Override
    public boolean onAnswer(FrameHeader header, ByteBuf memory, int payloadIndex, int payloadBytes) {
        inBatch = true;
        return answers.read(header, memory, payloadIndex);
    }

    @Override
    public void onBatchEnd() {
        settle();
    }

    @Override
    public void onEvent(Event event) {
        volume.onEvent(event);
    }

    // ---- What the answer reader decides ----

    Session session() {
        return session;
    }

    /** Returns the generation of boots and starts of the connection, for {@link Durability}. */
    int generation() {
        return generation;
    }

    /** Hands back a request that was answered with OK; returns false when the connection must be broken off instead. */
    boolean succeed(RequestSlot slot) {
        BlockRequest request = slot.request();
        if (slot.is(Operation.FLUSH)) {
            volume.durability().flushEnded(slot.flushNumber);
        } else if (request.operation().changes() && !request.has(BlockRequest.FUA) && !stamp.acknowledge(generation)) {
            return false;
        }
        conclude(slot, Status.OK);
        return true;
    }

    /** Hands back a request with the status that its answer says. */
    void conclude(RequestSlot slot, Status status) {
        slots.sent.remove(slot);
        finish(slot, status);
    }

    /** Sends a request that was answered again, at once. */
    void again(RequestSlot slot) {
        slots.sent.remove(slot);
        slot.mayBeAtNode = false;
        slots.toSend.add(slot);
    }

    /** Sends a request that was answered again after a pause. */
    void later(RequestSlot slot) {
        slots.sent.remove(slot);
        slot.mayBeAtNode = false;
        slots.paused.add(slot);
        if (!resumeScheduled) {
            resumeScheduled = true;
            Loop.Scheduled unused = loop.schedule(this::resume, PAUSE_NS);
        }
    }

    private void resume() {
        resumeScheduled = false;
        for (RequestSlot slot = slots.paused.poll(); slot != null; slot = slots.paused.poll()) {
            slots.toSend.add(slot);
        }
        settle();
    }

    // ---- Ends ----

    /** Frees the slot of a request and hands the request back. */
    void finish(RequestSlot slot, Status status) {
        BlockRequest request = slot.takeRequest();
        slot.claim.end(woken);
        slots.giveBack(slot);
        handBack(request, status);
    }

    void handBack(BlockRequest request, Status status) {
        completedSome = true;
        request.complete(status);
    }

    /** Says that the volume has ended; on any thread. */
    void volumeEnded(Status status) {
        loop.execute(() -> endAll(status));
    }

    /** Ends everything with the volume's final status; on the loop. */
    void endAll(Status status) {
        if (ended != null) {
            return;
        }
        ended = status;
        boolean mustWait = !slots.sent.isEmpty();
        session.end();
        if (!mustWait) {
            givingUp.failAll(status);
            settle();
        }
    }

    private void scheduleTick() {
        Loop.Scheduled unused = loop.schedule(this::onTick, givingUp.tickNs());
    }

    private void onTick() {
        if (ended != null || session.state() == ConnectionState.CLOSED) {
            return;
        }
        if (givingUp.tick(loop.clock().nowNs())) {
            session.drop("a request took longer than the I/O timeout"); // the rest follows in onLost
        } else {
            givingUp.abandonOverdue();
        }
        volume.log().waits(volume.oldestRequestNs());
        settle();
        scheduleTick();
    }

    // ---- Between batches ----

    /** Called by the loop that ended a request which one of ours waited for. */
    @Override
    public void wake() {
        boolean looksItself = loop.inLoop() && settling;
        if (wakePending.compareAndSet(false, true) && !looksItself) {
            counters.wakeUps.increment();
            loop.execute(onWake);
        }
    }

    private void beginGranted() {
        if (!wakePending.get()) {
            return;
        }
        wakePending.set(false);
        for (RequestSlot slot = slots.heldBack.first(); slot != null; ) {
            RequestSlot following = slot.next;
            if (slot.claim.isGranted()) {
                slots.heldBack.remove(slot);
                slots.toSend.add(slot);
            }
            slot = following;
        }
    }

    private void settle() {
        settling = true;
        inBatch = false;
        woken.wakeAll();
        beginGranted();
        while (slots.hasFree() && !waiting.isEmpty() && ended == null) {
            begin(waiting.poll());
        }
        pump();
        flush();
        settling = false;
        if (completedSome) {
            completedSome = false;
            completionsEnded.run();
        }
        if (closing && ended == null && slots.allFree()) {
            ended = Status.UNAVAILABLE;
            session.end();
        }
    }

    /** Gives everything back: nothing can come any more, and nothing refers to the slots' memory. */
    @Override
    public void onOver() {
        if (!released) {
            released = true;
            slots.release();
            volume.closed(this, loopIndex, stamp);
        }
    }
}
