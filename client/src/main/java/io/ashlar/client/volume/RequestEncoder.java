package io.ashlar.client.volume;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.block.BlockGeometry;
import io.ashlar.base.block.BlockRequest;
import io.ashlar.base.block.ChecksumList;
import io.ashlar.base.block.Operation;
import io.ashlar.base.block.ScatterList;
import io.ashlar.base.checksum.Crc32c;
import io.ashlar.protocol.codec.FrameWriter;
import io.ashlar.protocol.frame.FrameFlags;
import io.ashlar.protocol.frame.FrameHeader;
import io.ashlar.protocol.frame.Limits;
import io.ashlar.protocol.frame.Opcode;
import io.netty.buffer.ByteBuf;

/** Turns the request of a slot into a frame: header and checksums in the slot's memory, the payload where it lies. */
@ConfinedTo(LoopKind.DATA)
final class RequestEncoder {
    /** Low bits of a request id say the slot, the others count, so that a late answer is recognised. */
    private static final int INDEX_BITS = 10;

    private final ByteBuf prefixes;
    private final FrameHeader header = new FrameHeader();
    private final Crc32c crc = new Crc32c();
    private long sent;

    /** Creates an encoder; the buffer holds the prefixes of all slots and is borrowed. */
    RequestEncoder(ByteBuf prefixes) {
        this.prefixes = prefixes;
    }

    /** Returns which slot a request id means. */
    static int indexOf(long requestId) {
        return (int) requestId & (1 << INDEX_BITS) - 1;
    }

    static Opcode opcodeOf(Operation operation) {
        return switch (operation) {
            case READ -> Opcode.READ;
            case WRITE -> Opcode.WRITE;
            case WRITE_ZEROES -> Opcode.WRITE_ZEROES;
            case DISCARD -> Opcode.DISCARD;
            case FLUSH -> Opcode.FLUSH;
        };
    }

    /** Writes the frame; nothing is flushed. */
    void send(RequestSlot slot, FrameWriter writer, int handle) {
        BlockRequest request = slot.request();
        slot.requestId = ++sent << INDEX_BITS | slot.index;
        slot.mayBeAtNode = true;
        header.wrap(prefixes, slot.prefixStart)
                .clear()
                .opcode(opcodeOf(request.operation()))
                .requestId(slot.requestId)
                .handle(handle)
                .flags(flagsOf(request))
                .range(request.offsetBytes(), request.lengthBytes());
        int tableBytes = 0;
        if (request.operation() == Operation.WRITE) {
            tableBytes = putChecksums(slot, request) * Limits.CHECKSUM_BYTES;
            header.checksumCount(tableBytes / Limits.CHECKSUM_BYTES)
                    .payloadBytes(tableBytes + (int) request.lengthBytes());
        }
        header.seal(crc);
        slot.lastPart = writer.write(slot.retainedPrefix(Limits.HEADER_BYTES + tableBytes));
        if (request.operation() == Operation.WRITE) {
            slot.lastPart = writePayload(slot.payload(), writer);
        }
    }

    private static int flagsOf(BlockRequest request) {
        return (request.operation().changes() && request.has(BlockRequest.FUA) ? FrameFlags.FUA : 0)
                | (request.operation() == Operation.WRITE_ZEROES && request.has(BlockRequest.UNMAP)
                        ? FrameFlags.UNMAP
                        : 0);
    }

    private int putChecksums(RequestSlot slot, BlockRequest request) {
        int at = slot.prefixStart + Limits.HEADER_BYTES;
        ChecksumList given = request.checksums();
        if (given == null) {
            return computeChecksums(slot.payload(), request.offsetBytes(), at);
        }
        for (int i = 0; i < given.count(); i++) {
            prefixes.setIntLE(at + i * Limits.CHECKSUM_BYTES, given.get(i));
        }
        return given.count();
    }

    /** One pass over the segments; a checksum for each block touched. Returns how many. */
    private int computeChecksums(ScatterList data, long offsetBytes, int tableAt) {
        int count = 0;
        int segment = 0;
        int within = 0;
        int rest = data.lengthBytes();
        int piece = Math.min(rest, BlockGeometry.BLOCK_BYTES - (int) (offsetBytes & (BlockGeometry.BLOCK_BYTES - 1)));
        while (rest > 0) {
            crc.reset();
            for (int left = piece; left > 0; ) {
                int length = Math.min(left, data.length(segment) - within);
                crc.update(data.memory(segment), data.offset(segment) + within, length);
                left -= length;
                within += length;
                if (within == data.length(segment)) {
                    segment++;
                    within = 0;
                }
            }
            prefixes.setIntLE(tableAt + count * Limits.CHECKSUM_BYTES, crc.value());
            count++;
            rest -= piece;
            piece = Math.min(rest, BlockGeometry.BLOCK_BYTES);
        }
        return count;
    }

    /** Writes views of the segments, neighbours in memory as one. Returns the number of the last part. */
    @SuppressWarnings("ReferenceEquality") // the same memory is meant
    private static long writePayload(ScatterList data, FrameWriter writer) {
        long part = 0;
        for (int i = 0; i < data.count(); ) {
            int start = i;
            int length = data.length(i);
            i++;
            while (i < data.count()
                    && data.memory(i) == data.memory(start)
                    && data.offset(i) == data.offset(start) + length) {
                length += data.length(i);
                i++;
            }
            part = writer.write(data.retainedView(start, 0, length));
        }
        return part;
    }
}
