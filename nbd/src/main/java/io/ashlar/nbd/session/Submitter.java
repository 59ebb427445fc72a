package io.ashlar.nbd.session;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.block.BlockRequest;
import io.ashlar.base.block.Operation;
import io.ashlar.base.status.Status;
import io.ashlar.nbd.wire.Command;
import io.ashlar.nbd.wire.CommandFlags;
import io.netty.buffer.ByteBuf;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Turns requests and pieces of them into requests to the device: finds the memory, rounds reads outward to logical blocks,
 * and has what does not consist of whole ones rewritten. What answers false has taken nothing and is to be tried again.
 */
@ConfinedTo(LoopKind.DATA)
final class Submitter {
    private final RequestFlow flow;
    private final SessionLoop loop;
    private final AnswerBuffers answers;
    private final int readHeaderBytes;
    private final WriteGate.Pass pass;
    private final AtomicInteger largeReads;
    private boolean readsLarge;

    Submitter(
            RequestFlow flow,
            SessionLoop loop,
            AnswerBuffers answers,
            int readHeaderBytes,
            WriteGate.Pass pass,
            AtomicInteger largeReads) {
        this.flow = flow;
        this.loop = loop;
        this.answers = answers;
        this.readHeaderBytes = readHeaderBytes;
        this.pass = pass;
        this.largeReads = largeReads;
    }

    /** Returns the device's flags for a command with these flags. */
    static int deviceFlags(Command command, int flags) {
        int result = (flags & CommandFlags.FUA) != 0 ? BlockRequest.FUA : 0;
        return command == Command.WRITE_ZEROES && (flags & CommandFlags.NO_HOLE) == 0
                ? result | BlockRequest.UNMAP
                : result;
    }

    /** Returns how much of a long request goes into the next piece: up to a multiple of the piece's size. */
    static int pieceBytes(long offset, long rest) {
        return (int) Math.min(rest, NbdLimits.PIECE_BYTES - (offset & (NbdLimits.PIECE_BYTES - 1)));
    }

    /** Takes a slot into use; it counts as in flight from now on. */
    RequestSlot slot(Whole whole, Command command, long cookie) {
        RequestSlot slot = loop.takeSlot();
        slot.begin(flow, whole, command, cookie, loop.batchNs());
        flow.began();
        return slot;
    }

    void flush(long cookie) {
        RequestSlot slot = slot(null, Command.FLUSH, cookie);
        slot.set(Operation.FLUSH, 0, 0, 0);
        loop.queue().submit(slot);
    }

    // ---- Reads ----

    /** Reads at most a piece. */
    boolean read(Whole whole, long cookie, long offset, int length) {
        if (!mayRead(offset, length)) {
            return false;
        }
        int at = answers.reserve(placeBytes(offset, length));
        submitRead(slot(whole, Command.READ, cookie), at, offset, length);
        return true;
    }

    private boolean mayRead(long offset, int length) {
        return answers.mayReserve(placeBytes(offset, length));
    }

    private int placeBytes(long offset, int length) {
        return readHeaderBytes + loop.roundUp(loop.leadOf(offset) + length);
    }

    boolean readPiece(Whole whole) {
        int length = pieceBytes(whole.nextBytes(), whole.restBytes());
        long offset = whole.nextBytes();
        if (!mayRead(offset, length)) {
            return false;
        }
        whole.pieceBegan(length);
        return read(whole, whole.cookie(), offset, length);
    }

    /** Returns whether a read longer than a piece may be answered in one; one at a time, because of the memory. */
    boolean mayReadLarge() {
        return !readsLarge;
    }

    /** Reads more than a piece; returns false when there is no memory. */
    boolean readLarge(long cookie, long offset, int length) {
        if (largeReads.decrementAndGet() < 0 || !answers.reserveLarge(placeBytes(offset, length))) {
            largeReads.incrementAndGet();
            return false;
        }
        readsLarge = true;
        submitRead(slot(null, Command.READ, cookie), 0, offset, length);
        return true;
    }

    /** The memory of the large read is free. */
    void largeReadEnded() {
        largeReads.incrementAndGet();
        readsLarge = false;
    }

    private void submitRead(RequestSlot slot, int at, long offset, int length) {
        int lead = loop.leadOf(offset);
        int rounded = loop.roundUp(lead + length);
        slot.setRead(offset - lead, answers.place(), at + readHeaderBytes, rounded, lead, length);
        loop.queue().submit(slot);
    }

    // ---- Changes ----

    /** Lets a change in, which must follow, as {@link #change} of a range that is aligned or not. */
    boolean mayChange(boolean aligned) {
        return aligned ? pass.enter() : pass.enterAlone();
    }

    /** Submits a change that was let in. */
    void change(RequestSlot slot, boolean aligned) {
        if (aligned) {
            loop.queue().submit(slot);
        } else {
            rewrite(slot);
        }
    }

    private void rewrite(RequestSlot slot) {
        slot.setAlone();
        int lead = loop.leadOf(slot.offsetBytes());
        ByteBuf blocks = answers.memory(loop.roundUp(lead + (int) slot.lengthBytes()));
        if (blocks == null) {
            slot.complete(Status.BUSY);
        } else {
            new Rewrite(loop.queue(), slot, blocks, lead).start();
        }
    }

    /** Makes the next piece of a range that does not consist of whole blocks zero: an edge, or what is between them. */
    boolean zeroPiece(Whole whole, int blockBytes) {
        long offset = whole.nextBytes();
        long rest = whole.restBytes();
        boolean aligned = (offset & (blockBytes - 1)) == 0 && rest >= blockBytes;
        long length = aligned ? rest & -blockBytes : Math.min(rest, blockBytes - (offset & (blockBytes - 1)));
        if (!mayChange(aligned)) {
            return false;
        }
        RequestSlot slot = slot(whole, Command.WRITE_ZEROES, whole.cookie());
        slot.set(Operation.WRITE_ZEROES, offset, length, whole.flags());
        whole.pieceBegan(length);
        change(slot, aligned);
        return true;
    }

    /** A slot has come back from the device. */
    void left(RequestSlot slot) {
        if (slot.isAlone()) {
            pass.leaveAlone();
        } else if (slot.operation().changes()) {
            pass.leave();
        }
    }
}
