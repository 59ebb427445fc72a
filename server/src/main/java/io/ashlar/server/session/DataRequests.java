package io.ashlar.server.session;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.block.BlockGeometry;
import io.ashlar.base.block.BlockRequest;
import io.ashlar.base.block.ChecksumList;
import io.ashlar.base.block.Operation;
import io.ashlar.base.block.ScatterList;
import io.ashlar.base.status.Status;
import io.ashlar.protocol.frame.FrameFlags;
import io.ashlar.protocol.frame.FrameHeader;
import io.ashlar.protocol.frame.Limits;
import io.ashlar.protocol.frame.Opcode;
import io.ashlar.server.metrics.NodeEvent;
import io.netty.buffer.ByteBuf;

/**
 * Data requests from frames and to answers: the path of every read and write.
 *
 * <p>A write's data stays where it was received. A read's data is put by the store where it is sent from; the node
 * neither computes nor checks its checksums, which travel from the disk to the reader. What a read answers is rounded
 * outward to whole blocks, because only those have checksums.
 */
@ConfinedTo(LoopKind.DATA)
final class DataRequests {
    private final SessionLoop loop;
    private final AnswerBuffer answers;

    DataRequests(SessionLoop loop, AnswerBuffer answers) {
        this.loop = loop;
        this.answers = answers;
    }

    /** Returns whether a request reads, so that it needs memory of the answers. */
    static boolean reads(RequestSlot slot) {
        return slot.opcode() == Opcode.READ || slot.opcode() == Opcode.REPORT_CORRUPT;
    }

    /** Returns whether there is memory for what the request reads. */
    boolean mayPrepare(RequestSlot slot) {
        return !reads(slot) || answers.mayReserve(answerBytes(slot));
    }

    private static int answerBytes(RequestSlot slot) {
        int length = (int) (BlockGeometry.blockCeiling(slot.endBytes()) - BlockGeometry.blockFloor(slot.offsetBytes()));
        return Limits.HEADER_BYTES + (length >>> BlockGeometry.BLOCK_SHIFT) * Limits.CHECKSUM_BYTES + length;
    }

    /**
     * Fills the slot's request from its frame and checks it against the volume: the one validation. The frame's own rules
     * (region, checksum count, payload length) have been checked by the decoder.
     */
    Status decode(RequestSlot slot, FrameHeader header, ByteBuf memory, int payloadIndex) {
        if (header.layer() != 0) {
            return Status.UNSUPPORTED;
        }
        OpenVolume volume = slot.volume();
        Operation operation = operationOf(slot.opcode());
        long offset = header.offsetBytes();
        long length = header.lengthBytes();
        slot.set(operation, offset, length, requestFlags(header.flags()));
        if (volume.readOnly() && operation.changes()) {
            return Status.READ_ONLY;
        }
        if (volume.state() == OpenVolume.State.FENCED) {
            return Status.FENCED;
        }
        Status status = volume.geometry().validate(slot);
        if (status.isOk() && operation == Operation.WRITE) {
            decodeWrite(slot, header, memory, payloadIndex);
        }
        return status;
    }

    private static Operation operationOf(Opcode opcode) {
        return switch (opcode) {
            case READ, REPORT_CORRUPT -> Operation.READ;
            case WRITE -> Operation.WRITE;
            case WRITE_ZEROES -> Operation.WRITE_ZEROES;
            case DISCARD -> Operation.DISCARD;
            case FLUSH -> Operation.FLUSH;
            default -> throw new IllegalArgumentException(opcode + " is no data request");
        };
    }

    private static int requestFlags(int frameFlags) {
        return ((frameFlags & FrameFlags.FUA) != 0 ? BlockRequest.FUA : 0)
                | ((frameFlags & FrameFlags.UNMAP) != 0 ? BlockRequest.UNMAP : 0);
    }

    private static void decodeWrite(RequestSlot slot, FrameHeader header, ByteBuf memory, int payloadIndex) {
        int count = header.checksumCount();
        ChecksumList table = slot.table();
        table.resize(count);
        for (int i = 0; i < count; i++) {
            table.set(i, memory.getIntLE(payloadIndex + i * Limits.CHECKSUM_BYTES));
        }
        ScatterList pieces = slot.memory();
        pieces.add(memory, payloadIndex + count * Limits.CHECKSUM_BYTES, (int) slot.lengthBytes());
        slot.setData(Operation.WRITE, slot.offsetBytes(), pieces, slot.flags());
        slot.setChecksums(table);
    }

    /** Gives a read the place of its answer to be filled; nothing to do for others. */
    void prepare(RequestSlot slot) {
        if (slot.opcode() == Opcode.READ) {
            prepareRead(slot);
        } else if (slot.opcode() == Opcode.REPORT_CORRUPT) {
            prepareCheck(slot);
        }
    }

    private void prepareRead(RequestSlot slot) {
        long from = BlockGeometry.blockFloor(slot.offsetBytes());
        int length = (int) (BlockGeometry.blockCeiling(slot.endBytes()) - from);
        int count = length >>> BlockGeometry.BLOCK_SHIFT;
        int tableBytes = count * Limits.CHECKSUM_BYTES;
        int start = answers.reserve(slot, Limits.HEADER_BYTES + tableBytes + length);
        ScatterList pieces = slot.memory();
        pieces.add(answers.chunk(), start + Limits.HEADER_BYTES + tableBytes, length);
        slot.table().resize(count);
        slot.setData(Operation.READ, from, pieces, 0);
        slot.setChecksums(slot.table());
    }

    /** Has the reported blocks read and verified by the store, into memory behind the answer, which is not sent. */
    private void prepareCheck(RequestSlot slot) {
        loop.counters().happened(NodeEvent.CORRUPTION_REPORTS);
        long from = BlockGeometry.blockFloor(slot.offsetBytes());
        long end = Math.min(
                BlockGeometry.blockCeiling(slot.endBytes()),
                slot.volume().geometry().sizeBytes());
        int length = (int) (end - from);
        int start = answers.reserve(slot, Limits.HEADER_BYTES + length);
        ScatterList pieces = slot.memory();
        pieces.add(answers.chunk(), start + Limits.HEADER_BYTES, length);
        slot.setData(Operation.READ, from, pieces, 0);
    }

    /** Encodes the answer of a request. */
    void answer(RequestSlot slot, Status status) {
        if (slot.answerSerial() < 0) {
            answerPlain(slot.opcode(), slot.requestId(), slot.volume().handle(), status);
            return;
        }
        ByteBuf buffer = slot.answerBuffer();
        int start = slot.answerIndex();
        FrameHeader header = begin(
                buffer, start, slot.opcode(), slot.requestId(), slot.volume().handle(), status);
        int payloadBytes = 0;
        if (status.isOk() && slot.opcode() == Opcode.READ) {
            ChecksumList table = slot.table();
            int count = table.count();
            for (int i = 0; i < count; i++) {
                buffer.setIntLE(start + Limits.HEADER_BYTES + i * Limits.CHECKSUM_BYTES, table.get(i));
            }
            payloadBytes = count * Limits.CHECKSUM_BYTES + (int) slot.lengthBytes();
            header.range(slot.offsetBytes(), slot.lengthBytes())
                    .checksumCount(count)
                    .payloadBytes(payloadBytes);
        }
        header.seal(loop.crc());
        answers.commit(slot, Limits.HEADER_BYTES + payloadBytes);
    }

    /** Encodes an answer that is a header and nothing else. */
    void answerPlain(Opcode opcode, long requestId, int handle, Status status) {
        int start = answers.append(Limits.HEADER_BYTES);
        begin(answers.chunk(), start, opcode, requestId, handle, status).seal(loop.crc());
    }

    private FrameHeader begin(ByteBuf buffer, int start, Opcode opcode, long requestId, int handle, Status status) {
        return loop.header()
                .wrap(buffer, start)
                .clear()
                .opcode(opcode)
                .flags(FrameFlags.RESPONSE)
                .requestId(requestId)
                .handle(handle)
                .statusCode(status.code());
    }

    /** Returns the bytes of the volume that a request has moved. */
    static long dataBytes(RequestSlot slot, Status status) {
        return status.isOk() && slot.opcode() != Opcode.REPORT_CORRUPT ? slot.lengthBytes() : 0;
    }
}
