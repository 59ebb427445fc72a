package io.ashlar.client.volume;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.checksum.Crc32c;
import io.ashlar.base.net.EpollLoop;
import io.ashlar.base.status.Remedy;
import io.ashlar.base.status.Status;
import io.ashlar.client.session.ConnectionState;
import io.ashlar.client.session.Refusal;
import io.ashlar.client.session.Session;
import io.ashlar.client.session.SessionConfig;
import io.ashlar.client.session.SessionListener;
import io.ashlar.protocol.frame.FrameHeader;
import io.ashlar.protocol.frame.Limits;
import io.ashlar.protocol.frame.Opcode;
import io.ashlar.protocol.message.Event;
import io.ashlar.protocol.message.HelloAnswer;
import io.ashlar.protocol.message.Open;
import io.ashlar.protocol.message.OpenAnswer;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.PooledByteBufAllocator;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The connection on which a volume's attachment begins and ends, and on which events come. It carries no data, so it is
 * there when queues come and go. {@link #attach} and {@link #detach} block their caller; the rest is on the loop.
 */
@ConfinedTo(LoopKind.CONTROL)
final class ControlSession implements SessionListener {
    /** The attachment's loop 0 is this connection; queues have the others. */
    static final int LOOP_INDEX = 0;

    private static final Logger LOG = LoggerFactory.getLogger(ControlSession.class);
    /** CLOSE's {@code aux}: ends the attachment as well. */
    private static final long END_ATTACHMENT = 1;

    private static final long DETACH_ID = 1;
    private static final long QUERY_ID_FIRST = 2;

    private final RemoteVolume volume;
    private final EpollLoop loop;
    private final Session session;
    private final StatusQueries queries;
    private final CompletableFuture<Refusal> attached = new CompletableFuture<>();
    private final CompletableFuture<Void> detached = new CompletableFuture<>();
    private volatile Refusal latest = Refusal.unreachable("no answer");
    private long incarnation;
    private boolean leaving;

    ControlSession(RemoteVolume volume, EpollLoop loop) {
        this.volume = volume;
        this.loop = loop;
        session = new Session(volume.options().session(), loop, this);
        queries = new StatusQueries(
                session, loop, QUERY_ID_FIRST, volume.options().ioTimeoutMs());
    }

    /** Asks what a range holds; any thread may call. */
    void ask(StatusQueries.Query query) {
        loop.execute(() -> queries.ask(query));
    }

    void attach() throws AttachException {
        loop.execute(session::start);
        Refusal refusal;
        try {
            refusal = attached.get(volume.options().attachTimeoutMs(), TimeUnit.MILLISECONDS);
        } catch (TimeoutException e) {
            refusal = latest;
        } catch (ExecutionException e) {
            throw new IllegalStateException(e.getCause());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            refusal = Refusal.unreachable("interrupted");
        }
        if (refusal != null) {
            end();
            SessionConfig config = volume.options().session();
            throw new AttachException(
                    refusal.status(),
                    "can't open volume '" + volume.options().volume() + "' on " + config.nodeText() + ": "
                            + refusal.message());
        }
    }

    /** Ends the attachment, after the use of the volume has ended here; returns whether the node says that it knows. */
    boolean detach() {
        loop.execute(this::leave);
        try {
            detached.get(volume.options().detachTimeoutMs(), TimeUnit.MILLISECONDS);
            return true;
        } catch (ExecutionException | TimeoutException e) {
            LOG.warn(
                    "{}: detached without the node's knowledge",
                    volume.options().volume());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        return false;
    }

    /** Ends what asks for ranges with this status, now and later; any thread may call. */
    void endQueries(Status status) {
        loop.execute(() -> queries.end(status));
    }

    private void leave() {
        leaving = true;
        queries.end(volume.ended());
        if (session.isReady()) {
            sendDetach();
        }
    }

    private void sendDetach() {
        ByteBuf frame = PooledByteBufAllocator.DEFAULT.directBuffer(Limits.HEADER_BYTES);
        new FrameHeader()
                .wrap(frame.writerIndex(Limits.HEADER_BYTES), 0)
                .clear()
                .opcode(Opcode.CLOSE)
                .requestId(DETACH_ID)
                .handle(session.handle())
                .aux(END_ATTACHMENT)
                .seal(new Crc32c());
        session.writer().write(frame);
        session.writer().flush();
    }

    void end() {
        loop.execute(session::end);
    }

    @Override
    public boolean onHello(HelloAnswer hello) {
        queries.granted(hello.getInFlightMax());
        volume.greeted(hello);
        return true; // also where writes were lost: no data goes this way, and the node is still to be told of the end
    }

    @Override
    public Open openMessage() {
        return volume.openMessage(LOOP_INDEX, incarnation);
    }

    @Override
    public boolean accepts(OpenAnswer opened) {
        return volume.opened(opened); // also where the use has ended here: the node is still to be told
    }

    @Override
    public void onReady(OpenAnswer opened) {
        incarnation = opened.getIncarnation();
        if (attached.isDone()) {
            LOG.info(
                    "{}: {} is back",
                    volume.options().volume(),
                    volume.options().session().nodeText());
        } else if (volume.geometry() == null) {
            attached.complete(new Refusal(Status.INTERNAL, "the node tells no geometry", null));
        } else {
            attached.complete(null);
        }
        if (leaving) {
            sendDetach();
        } else {
            queries.send();
        }
    }

    @Override
    public void onLost() {
        queries.onLost();
        boolean ending = loop.eventLoop().isShuttingDown(); // of the whole program: the node is not to blame
        if (!ending && volume.ended() == null && session.state() != ConnectionState.CLOSED) {
            LOG.warn(
                    "{}: {} can't be reached; requests wait",
                    volume.options().volume(),
                    volume.options().session().nodeText());
        }
    }

    @Override
    public void onOver() {
        queries.end(volume.ended() == null ? Status.UNAVAILABLE : volume.ended());
        detached.completeExceptionally(new TimeoutException());
    }

    @Override
    public boolean onRefused(Refusal refusal) {
        latest = refusal;
        if (refusal.status() == Status.FENCED || refusal.status() == Status.NOT_FOUND) {
            detached.complete(
                    null); // it is over already: only the answer was lost, or there is nothing left to give back
        }
        if (attached.isDone()) {
            return volume.refused(refusal);
        }
        if (refusal.status().remedy() == Remedy.RETRY_LATER) {
            return refusal.status() != Status.UNAVAILABLE || !attached.complete(refusal);
        }
        attached.complete(refusal);
        return false;
    }

    @Override
    public boolean onAnswer(FrameHeader header, ByteBuf memory, int payloadIndex, int payloadBytes) {
        if (header.opcode() == Opcode.BLOCK_STATUS) {
            return queries.onAnswer(header, memory, payloadIndex, payloadBytes);
        }
        if (header.requestId() != DETACH_ID || header.opcode() != Opcode.CLOSE) {
            return false;
        }
        Status status = Status.ofCode(header.statusCode());
        if (status.isOk() || status == Status.NOT_FOUND) {
            detached.complete(null);
        } else {
            detached.completeExceptionally(new AttachException(status, status.text()));
        }
        return true;
    }

    @Override
    public void onBatchEnd() {
        // Everything is sent as it is written.
    }

    @Override
    public void onEvent(Event event) {
        volume.onEvent(event);
    }
}
