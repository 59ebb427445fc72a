package io.ashlar.client.volume;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.block.BlockRuns;
import io.ashlar.base.checksum.Crc32c;
import io.ashlar.base.loop.Loop;
import io.ashlar.base.status.Remedy;
import io.ashlar.base.status.Status;
import io.ashlar.client.session.Session;
import io.ashlar.protocol.codec.MessageFrames;
import io.ashlar.protocol.frame.FrameHeader;
import io.ashlar.protocol.frame.Limits;
import io.ashlar.protocol.frame.Opcode;
import io.ashlar.protocol.message.BlockStatusAnswer;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.PooledByteBufAllocator;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/**
 * The questions what ranges of a volume hold, on its control connection: a few at a time, the others wait. They change
 * nothing, so what is unanswered when a connection breaks is simply asked again. Rare, so they allocate.
 */
@ConfinedTo(LoopKind.CONTROL)
final class StatusQueries {
    /** Questions unanswered at a time, if the node grants that many and one more, for CLOSE. */
    private static final int UNANSWERED_MAX = 16;
    /** A question that the node wants to be asked later is asked again after this time. */
    private static final long PAUSE_NS = TimeUnit.MILLISECONDS.toNanos(20);

    /** Stands for a sent question that nobody waits for any more: until it is answered, the node counts it. */
    private static final Query GIVEN_UP = new Query(0, 0, null, null, null);

    private final Session session;
    private final Loop loop;
    private final long timeoutMs;
    private final ArrayDeque<Query> waiting = new ArrayDeque<>();
    private final ArrayDeque<Query> paused = new ArrayDeque<>();
    private final Map<Long, Query> sent = new HashMap<>();
    private long lastId;
    private int unansweredMax = UNANSWERED_MAX;
    private Status ended;

    /**
     * Creates the questions of a session.
     *
     * @param firstId request ids from here on are theirs
     * @param timeoutMs a question that waits longer ends with TIMED_OUT; 0: it waits for ever
     */
    StatusQueries(Session session, Loop loop, long firstId, long timeoutMs) {
        this.session = session;
        this.loop = loop;
        this.timeoutMs = timeoutMs;
        lastId = firstId - 1;
    }

    /** One question. */
    record Query(long offsetBytes, long lengthBytes, BlockRuns runs, Loop asker, BlockRuns.Listener listener) {
        void end(Status status) {
            asker.execute(() -> listener.onRuns(status, runs));
        }
    }

    /** Takes note of how many requests the node grants the connection. */
    void granted(int inFlightMax) {
        unansweredMax = Math.max(1, Math.min(UNANSWERED_MAX, inFlightMax - 1));
    }

    void ask(Query query) {
        if (ended != null) {
            query.end(ended);
            return;
        }
        waiting.add(query);
        if (timeoutMs > 0) {
            Loop.Scheduled unused = loop.schedule(() -> giveUp(query), TimeUnit.MILLISECONDS.toNanos(timeoutMs));
        }
        send();
    }

    @SuppressWarnings("ReferenceEquality") // questions are identities
    private void giveUp(Query query) {
        if (waiting.removeIf(other -> other == query) || paused.removeIf(other -> other == query)) {
            query.end(Status.TIMED_OUT);
            return;
        }
        for (Map.Entry<Long, Query> unanswered : sent.entrySet()) {
            if (unanswered.getValue() == query) {
                unanswered.setValue(GIVEN_UP);
                query.end(Status.TIMED_OUT);
            }
        }
    }

    /** Asks what may be asked now. */
    void send() {
        boolean any = false;
        while (session.isReady() && !waiting.isEmpty() && sent.size() < unansweredMax) {
            Query query = waiting.poll();
            sent.put(++lastId, query);
            ByteBuf frame = PooledByteBufAllocator.DEFAULT.directBuffer(Limits.HEADER_BYTES);
            new FrameHeader()
                    .wrap(frame.writerIndex(Limits.HEADER_BYTES), 0)
                    .clear()
                    .opcode(Opcode.BLOCK_STATUS)
                    .requestId(lastId)
                    .handle(session.handle())
                    .range(query.offsetBytes(), query.lengthBytes())
                    .seal(new Crc32c());
            session.writer().write(frame);
            any = true;
        }
        if (any) {
            session.writer().flush();
        }
    }

    private void resume() {
        waiting.addAll(paused);
        paused.clear();
        send();
    }

    /** The connection is gone: what is unanswered waits for the next. */
    @SuppressWarnings("ReferenceEquality") // questions are identities
    void onLost() {
        sent.values().stream().filter(query -> query != GIVEN_UP).forEach(waiting::add);
        sent.clear();
    }

    /** There will be no further connection. */
    void end(Status status) {
        ended = status;
        onLost();
        List<Query> all = new ArrayList<>(waiting);
        all.addAll(paused);
        waiting.clear();
        paused.clear();
        all.forEach(query -> query.end(status));
    }

    /** Takes an answer; returns false when it breaks the protocol. One to a question given up makes room for another. */
    @SuppressWarnings("ReferenceEquality") // questions are identities
    boolean onAnswer(FrameHeader header, ByteBuf memory, int payloadIndex, int payloadBytes) {
        Query query = sent.remove(header.requestId());
        if (query == null) {
            return header.requestId() <= lastId;
        }
        if (query == GIVEN_UP) {
            send();
            return true;
        }
        Status status = Status.ofCode(header.statusCode());
        if (status.remedy() == Remedy.RETRY_LATER) {
            paused.add(query);
            Loop.Scheduled unused = loop.schedule(this::resume, PAUSE_NS);
        } else if (!status.isOk()) {
            query.end(status);
        } else if (!read(query, MessageFrames.parse(BlockStatusAnswer.parser(), memory, payloadIndex, payloadBytes))) {
            query.end(Status.IO_ERROR);
            return false;
        } else {
            query.end(Status.OK);
        }
        send();
        return true;
    }

    /** Takes the runs over; returns false when they make no sense. */
    private static boolean read(Query query, BlockStatusAnswer answer) {
        query.runs().clear();
        if (answer == null || answer.getRunsCount() == 0) {
            return false;
        }
        long rest = query.lengthBytes();
        for (BlockStatusAnswer.Run run : answer.getRunsList()) {
            BlockRuns.Kind kind =
                    switch (run.getState()) {
                        case STATE_ABSENT -> BlockRuns.Kind.ABSENT;
                        case STATE_ZERO -> BlockRuns.Kind.ZERO;
                        case STATE_DATA -> BlockRuns.Kind.DATA;
                        default -> null;
                    };
            rest -= run.getLengthBytes();
            if (kind == null || run.getLengthBytes() <= 0 || rest < 0) {
                return false;
            }
            if (!query.runs().add(kind, run.getLengthBytes())) {
                return true; // no room for more
            }
        }
        return true;
    }
}
