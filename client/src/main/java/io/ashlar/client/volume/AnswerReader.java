package io.ashlar.client.volume;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.block.BlockGeometry;
import io.ashlar.base.block.BlockRequest;
import io.ashlar.base.block.Operation;
import io.ashlar.base.checksum.Crc32c;
import io.ashlar.base.status.Status;
import io.ashlar.protocol.frame.FrameHeader;
import io.ashlar.protocol.frame.Limits;
import io.ashlar.protocol.frame.Opcode;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.PooledByteBufAllocator;

/**
 * What an answer means for its request. An answer that fits no request in flight, or comes before its request has left,
 * breaks the protocol.
 */
@ConfinedTo(LoopKind.DATA)
final class AnswerReader {
    /** REPORT_CORRUPT frames unanswered at a time; further ones are left out. */
    static final int REPORTS_MAX = 4;

    /** The id of every REPORT_CORRUPT: its answer says nothing. */
    private static final long REPORT_ID = -2;
    /** How often a request whose bytes or checksums don't match is tried in all. */
    private static final int ATTEMPTS_MAX = 4;

    private final RemoteQueue queue;
    private final SlotTable slots;
    private final ReadVerifier verifier = new ReadVerifier();
    private int reportsUnanswered;

    AnswerReader(RemoteQueue queue, SlotTable slots) {
        this.queue = queue;
        this.slots = slots;
    }

    /** Forgets what was asked on a connection that is gone. */
    void reset() {
        reportsUnanswered = 0;
    }

    /** Takes an answer; returns false when it breaks the protocol or the connection can't be used any more. */
    boolean read(FrameHeader header, ByteBuf memory, int payloadIndex) {
        if (header.requestId() == REPORT_ID && header.opcode() == Opcode.REPORT_CORRUPT) {
            reportsUnanswered--;
            return true;
        }
        RequestSlot slot = slots.sentWith(header.requestId());
        if (slot == null
                || header.opcode() != RequestEncoder.opcodeOf(slot.request().operation())
                || !queue.session().writer().isSent(slot.lastPart)) {
            return false;
        }
        Status status = Status.ofCode(header.statusCode());
        if (!status.isOk()) {
            return refused(slot, status);
        }
        return slot.is(Operation.READ) ? readData(slot, header, memory, payloadIndex) : queue.succeed(slot);
    }

    private boolean refused(RequestSlot slot, Status status) {
        switch (status.remedy()) {
            case CLOSE_CONNECTION, NONE -> {
                return false;
            }
            case RETRY_LATER -> queue.later(slot);
            case STOP_WRITING -> queue.end(status);
            case REPORT -> queue.fail(slot, status);
            case FIX_REQUEST -> {
                if (status == Status.CHECKSUM && slot.is(Operation.WRITE)) {
                    sendCopy(slot);
                } else {
                    queue.fail(slot, status);
                }
            }
        }
        return true;
    }

    private void sendCopy(RequestSlot slot) {
        if (slot.request().checksums() != null) {
            queue.fail(slot, Status.CHECKSUM);
            return;
        }
        if (++slot.attempts >= ATTEMPTS_MAX) {
            queue.fail(slot, Status.IO_ERROR);
            return;
        }
        queue.counters().privateCopies.increment();
        slot.makeCopy(PooledByteBufAllocator.DEFAULT);
        queue.again(slot);
    }

    private boolean readData(RequestSlot slot, FrameHeader header, ByteBuf memory, int payloadIndex) {
        BlockRequest request = slot.request();
        if (!verifier.fits(header, request)) {
            return false;
        }
        int count = header.checksumCount();
        int bad = request.checksums() == null
                ? verifier.firstMismatch(memory, payloadIndex, count)
                : ReadVerifier.ALL_MATCH;
        if (bad == ReadVerifier.ALL_MATCH) {
            verifier.deliver(memory, payloadIndex, count, request);
            return queue.succeed(slot);
        }
        queue.counters().corruptAnswers.increment();
        report(header, memory, payloadIndex, bad);
        if (++slot.attempts >= ATTEMPTS_MAX) {
            queue.fail(slot, Status.CORRUPT);
        } else {
            queue.again(slot);
        }
        return true;
    }

    private void report(FrameHeader answer, ByteBuf memory, int payloadIndex, int block) {
        if (reportsUnanswered == REPORTS_MAX) {
            return;
        }
        reportsUnanswered++;
        int stored = verifier.stored(memory, payloadIndex, block);
        int computed = verifier.computed(memory, payloadIndex, answer.checksumCount(), block);
        ByteBuf frame = PooledByteBufAllocator.DEFAULT.directBuffer(Limits.HEADER_BYTES);
        new FrameHeader()
                .wrap(frame.writerIndex(Limits.HEADER_BYTES), 0)
                .clear()
                .opcode(Opcode.REPORT_CORRUPT)
                .requestId(REPORT_ID)
                .handle(queue.session().handle())
                .range(answer.offsetBytes() + (long) block * BlockGeometry.BLOCK_BYTES, BlockGeometry.BLOCK_BYTES)
                .aux((long) computed << 32 | Integer.toUnsignedLong(stored))
                .seal(new Crc32c());
        queue.session().writer().write(frame);
    }
}
