package io.ashlar.nbd.session;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.block.Operation;
import io.ashlar.base.status.Status;
import io.ashlar.nbd.wire.Command;
import io.ashlar.nbd.wire.NbdError;
import io.netty.buffer.ByteBuf;

/** What becomes of one connection's requests: how many are in flight, their answers, and the counting of both. */
@ConfinedTo(LoopKind.DATA)
final class Outcomes {
    private final Connection connection;
    private final SessionLoop loop;
    private final Answers answers;
    private final Submitter submitter;
    private final WriteGate.Pass pass;
    private int inFlight;
    private boolean closed;

    Outcomes(Connection connection, SessionLoop loop, Answers answers, Submitter submitter, WriteGate.Pass pass) {
        this.connection = connection;
        this.loop = loop;
        this.answers = answers;
        this.submitter = submitter;
        this.pass = pass;
    }

    /** Returns how many requests, and pieces of long ones, have begun and not ended. */
    int inFlight() {
        return inFlight;
    }

    /** Returns whether nobody is there any more to answer. */
    boolean isClosed() {
        return closed;
    }

    /** Counts a request in. */
    void began() {
        inFlight++;
        loop.counters().inFlight(1);
    }

    private void ended() {
        inFlight--;
        loop.counters().inFlight(-1);
        if (closed && inFlight == 0) {
            pass.close();
        }
        loop.touch(connection);
    }

    private void count(Command command, NbdError error, long bytes, long startNs) {
        loop.counters().answered(command, error, bytes, loop.batchNs() - startNs);
    }

    /** Answers a request that has not begun. */
    void refused(Command command, long cookie, NbdError error) {
        answers.plain(command, cookie, error);
        if (command != null) {
            loop.counters().answered(command, error, 0, 0);
        }
    }

    /** Takes a request, or a piece of one, back from the device. */
    void ended(RequestSlot slot, Status status) {
        submitter.left(slot);
        boolean read = slot.operation() == Operation.READ;
        if (read) {
            readEnded(slot, status);
        } else {
            changeEnded(slot, status);
        }
        if (slot.whole() == null) {
            long bytes = read ? slot.dataBytes() : slot.lengthBytes();
            count(slot.command(), NbdError.of(status), bytes, slot.startNs());
        }
        loop.giveSlot(slot);
        ended();
    }

    private void readEnded(RequestSlot slot, Status status) {
        ByteBuf memory = slot.takeMemory();
        if (closed) {
            AnswerBuffers.abandon(memory);
        } else {
            answers.read(slot, memory, status);
        }
        if (slot.dataBytes() > NbdLimits.PIECE_BYTES) {
            largeReadEnded(closed || !status.isOk());
        }
    }

    /** The memory of a large read is free once its answer has left. */
    private void largeReadEnded(boolean free) {
        if (free) {
            submitter.largeReadEnded();
        } else {
            connection.answers().whenSent(() -> {
                submitter.largeReadEnded();
                connection.wake();
            });
        }
    }

    private void changeEnded(RequestSlot slot, Status status) {
        ByteBuf memory = slot.takeMemory();
        if (memory != null) {
            memory.release();
        }
        if (slot.whole() == null && !closed) {
            answers.plain(slot.command(), slot.cookie(), NbdError.of(status));
        }
    }

    /** Answers a long request, all of whose pieces have ended. */
    void ended(Whole whole) {
        NbdError error = NbdError.of(whole.status());
        if (!closed) {
            answers.plain(whole.command(), whole.cookie(), error);
        }
        count(whole.command(), error, whole.lengthBytes(), whole.startNs());
        loop.giveWhole(whole);
        ended();
    }

    /** Takes a BLOCK_STATUS back, which ends outside the batches of the device. */
    void statusEnded(NbdError error, long bytes, long startNs) {
        count(Command.BLOCK_STATUS, error, bytes, startNs);
        ended();
        loop.settle();
    }

    /** The connection has ended: what the device has ends there unseen. */
    void close() {
        closed = true;
    }
}
