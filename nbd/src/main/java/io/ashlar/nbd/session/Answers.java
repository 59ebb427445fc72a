package io.ashlar.nbd.session;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.block.BlockRuns;
import io.ashlar.base.status.Status;
import io.ashlar.nbd.handshake.Terms;
import io.ashlar.nbd.wire.Command;
import io.ashlar.nbd.wire.NbdError;
import io.ashlar.nbd.wire.Replies;
import io.ashlar.nbd.wire.Wire;
import io.netty.buffer.ByteBuf;

/**
 * Encodes what requests are answered with. Reads and BLOCK_STATUS are answered with chunks where these were agreed on,
 * everything else with a simple reply, which is allowed then too and shorter.
 */
@ConfinedTo(LoopKind.DATA)
final class Answers {
    private static final int RUN_BYTES = 2 * Integer.BYTES;

    private final AnswerBuffers buffers;
    private final Terms terms;

    Answers(AnswerBuffers buffers, Terms terms) {
        this.buffers = buffers;
        this.terms = terms;
    }

    /** Returns the length of what stands in front of a read's data. */
    int readHeaderBytes() {
        return terms.structured() ? Wire.DATA_CHUNK_HEADER_BYTES : Wire.SIMPLE_REPLY_BYTES;
    }

    private boolean isChunked(Command command) {
        return terms.structured() && (command == Command.READ || command == Command.BLOCK_STATUS);
    }

    /** Answers a request that has no data to give. */
    void plain(Command command, long cookie, NbdError error) {
        if (!isChunked(command)) {
            int at = buffers.reserveAnyhow(Wire.SIMPLE_REPLY_BYTES);
            Replies.putSimple(buffers.place(), at, error, cookie);
            buffers.commit(buffers.place(), at, at + Wire.SIMPLE_REPLY_BYTES);
        } else if (error == NbdError.NONE) {
            int at = buffers.reserveAnyhow(Wire.CHUNK_HEADER_BYTES);
            Replies.putChunk(buffers.place(), at, Wire.CHUNK_DONE, Wire.CHUNK_NONE, cookie, 0);
            buffers.commit(buffers.place(), at, at + Wire.CHUNK_HEADER_BYTES);
        } else {
            int at = buffers.reserveAnyhow(Replies.ERROR_CHUNK_BYTES);
            Replies.putError(buffers.place(), at, error, cookie);
            buffers.commit(buffers.place(), at, at + Replies.ERROR_CHUNK_BYTES);
        }
    }

    /**
     * Answers a read, or a piece of one, whose data lies in its place. The header goes in front of what the client asked
     * for, which may be over bytes that were read only because the device reads whole blocks.
     */
    void read(RequestSlot slot, ByteBuf memory, Status status) {
        boolean piece = slot.whole() != null;
        if (!status.isOk()) {
            AnswerBuffers.abandon(memory);
            if (!piece) {
                plain(Command.READ, slot.cookie(), NbdError.of(status));
            }
            return;
        }
        int at = slot.dataIndex() - readHeaderBytes();
        if (terms.structured()) {
            int flags = piece ? 0 : Wire.CHUNK_DONE;
            Replies.putData(memory, at, flags, slot.cookie(), slot.dataOffsetBytes(), slot.dataBytes());
        } else {
            Replies.putSimple(memory, at, NbdError.NONE, slot.cookie());
        }
        buffers.commit(memory, at, slot.dataIndex() + slot.dataBytes());
    }

    /**
     * Answers a BLOCK_STATUS.
     *
     * @param leadBytes what the runs tell about in front of what was asked for
     * @param lengthBytes what was asked for
     */
    void runs(long cookie, BlockRuns runs, long leadBytes, long lengthBytes) {
        int room = Wire.CHUNK_HEADER_BYTES + Integer.BYTES + Math.max(1, runs.count()) * RUN_BYTES;
        int at = buffers.reserveAnyhow(room);
        ByteBuf buffer = buffers.place();
        int end = at + Wire.CHUNK_HEADER_BYTES;
        buffer.setInt(end, Wire.BASE_ALLOCATION_ID);
        end += Integer.BYTES;
        long skip = leadBytes;
        long rest = lengthBytes;
        for (int i = 0; i < runs.count() && rest > 0; i++) {
            long length = Math.min(rest, runs.lengthBytes(i) - skip);
            skip = 0;
            if (length <= 0) {
                continue;
            }
            // A block that is not data takes no space, whether it was never written or given back.
            boolean data = runs.kind(i) == BlockRuns.Kind.DATA;
            buffer.setInt(end, (int) length);
            buffer.setInt(end + Integer.BYTES, data ? 0 : Wire.STATE_HOLE | Wire.STATE_ZERO);
            end += RUN_BYTES;
            rest -= length;
        }
        int payload = end - at - Wire.CHUNK_HEADER_BYTES;
        Replies.putChunk(buffer, at, Wire.CHUNK_DONE, Wire.CHUNK_BLOCK_STATUS, cookie, payload);
        buffers.commit(buffer, at, end);
    }
}
