package io.ashlar.client.volume;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.block.BlockGeometry;
import io.ashlar.base.block.BlockRequest;
import io.ashlar.base.block.Operation;
import io.ashlar.base.checksum.Crc32c;
import io.ashlar.base.status.Remedy;
import io.ashlar.base.status.Status;
import io.ashlar.protocol.frame.FrameHeader;
import io.ashlar.protocol.frame.Limits;
import io.ashlar.protocol.frame.Opcode;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.PooledByteBufAllocator;

/**
 * What an answer means for its request. An answer that fits no request in flight, or comes before its request has left,
 * breaks the protocol. A request that the node answered by giving the connection up over it is failed when that is gone:
 * until then the outbound buffer may refer to its memory, and sent again it would only break the next connection.
 */
@ConfinedTo(LoopKind.DATA)
final class AnswerReader {
    /** REPORT_CORRUPT frames unanswered at a time; further ones are left out. */
    static final int REPORTS_MAX = 4;

    /** The id of every REPORT_CORRUPT: its answer says nothing. */
    private static final long REPORT_ID = -2;
    /** How often a request whose bytes or checksums don't match is tried in all. */
    private static final int ATTEMPTS_MAX = 4;
    /** Connections lost in a row over the same request, with nothing answered, from which on that is logged. */
    private static final int LOSSES_MAX = 5;

    private final RemoteQueue queue;
    private final SlotTable slots;
    private final RemoteVolume volume;
    private final VolumeLog log;
    private final VolumeCounters counters;
    private final ReadVerifier verifier = new ReadVerifier();
    private int reportsMax;
    private int reportsUnanswered;
    private BlockRequest oldestAtLoss;
    private int lossesInRow;

    AnswerReader(RemoteQueue queue, SlotTable slots, RemoteVolume volume) {
        this.queue = queue;
        this.slots = slots;
        this.volume = volume;
        log = volume.log();
        counters = volume.counters();
    }

    /** Takes note of how many reports the node grants beside the requests. */
    void granted(int reports) {
        reportsMax = Math.min(REPORTS_MAX, reports);
    }

    /** Takes the end of the connection: fails what it broke over, and looks whether it is always the same request. */
    @SuppressWarnings("ReferenceEquality") // requests are identities
    void lost() {
        reportsUnanswered = 0;
        for (RequestSlot slot = slots.sent.first(); slot != null; ) {
            RequestSlot following = slot.next;
            if (slot.verdict != null) {
                queue.conclude(slot, slot.verdict);
            }
            slot = following;
        }
        BlockRequest oldest = slots.sent.isEmpty() ? null : slots.sent.first().request();
        lossesInRow = oldest == oldestAtLoss ? lossesInRow + 1 : 1;
        oldestAtLoss = oldest;
        if (oldest != null && lossesInRow >= LOSSES_MAX) {
            log.lostAgain(lossesInRow, oldest);
        }
    }

    /** Takes an answer; returns false when it breaks the protocol or the connection can't be used any more. */
    boolean read(FrameHeader header, ByteBuf memory, int payloadIndex) {
        if (header.requestId() == REPORT_ID && header.opcode() == Opcode.REPORT_CORRUPT) {
            reportsUnanswered--;
            return true;
        }
        RequestSlot slot = slots.sentWith(header.requestId());
        Status status = Status.ofCode(header.statusCode());
        if (slot != null && status.remedy() == Remedy.CLOSE_CONNECTION) {
            brokeConnection(slot, status);
            return false;
        }
        if (slot == null
                || header.opcode() != RequestEncoder.opcodeOf(slot.request().operation())
                || !queue.session().writer().isSent(slot.lastPart)) {
            return false;
        }
        oldestAtLoss = null;
        if (!status.isOk()) {
            return refused(slot, status);
        }
        return slot.is(Operation.READ) ? readData(slot, header, memory, payloadIndex) : queue.succeed(slot);
    }

    /** A handle or a limit belongs to the connection, so that the next may do; what is malformed stays so. */
    private void brokeConnection(RequestSlot slot, Status status) {
        boolean mayBeCured = status == Status.BAD_HANDLE || status == Status.LIMIT_EXCEEDED;
        if (!mayBeCured || ++slot.attempts >= ATTEMPTS_MAX) {
            slot.verdict = Status.IO_ERROR;
            log.refused(slot.request(), status);
        }
    }

    private boolean refused(RequestSlot slot, Status status) {
        switch (status.remedy()) {
            case CLOSE_CONNECTION, NONE -> {
                return false;
            }
            case RETRY_LATER -> queue.later(slot);
            case STOP_WRITING -> volume.end(status, "the node answered: " + status.text());
            case REPORT -> {
                if (status == Status.IO_ERROR && !slot.is(Operation.READ)) {
                    volume.diskFailed(queue.generation());
                }
                queue.conclude(slot, status);
            }
            case FIX_REQUEST -> {
                if (status == Status.CHECKSUM && slot.is(Operation.WRITE)) {
                    sendCopy(slot);
                } else {
                    queue.conclude(slot, status);
                }
            }
        }
        return true;
    }

    private void sendCopy(RequestSlot slot) {
        if (slot.request().checksums() != null) {
            queue.conclude(slot, Status.CHECKSUM);
            return;
        }
        if (++slot.attempts >= ATTEMPTS_MAX) {
            queue.conclude(slot, Status.IO_ERROR);
            return;
        }
        counters.privateCopies.increment();
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
        counters.corruptAnswers.increment();
        report(header, memory, payloadIndex, bad);
        if (++slot.attempts >= ATTEMPTS_MAX) {
            queue.conclude(slot, Status.CORRUPT);
        } else {
            queue.again(slot);
        }
        return true;
    }

    private void report(FrameHeader answer, ByteBuf memory, int payloadIndex, int block) {
        if (reportsUnanswered >= reportsMax) {
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
