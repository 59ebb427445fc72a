package io.ashlar.client.volume;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.block.BlockGeometry;
import io.ashlar.base.block.BlockRequest;
import io.ashlar.base.block.ChecksumList;
import io.ashlar.base.checksum.Crc32c;
import io.ashlar.protocol.frame.FrameHeader;
import io.ashlar.protocol.frame.Limits;
import io.netty.buffer.ByteBuf;

/**
 * Takes the answer of a READ: whole blocks with the checksums stored at rest. They are verified where they were received,
 * then the part asked for is copied to the request's memory.
 */
@ConfinedTo(LoopKind.DATA)
final class ReadVerifier {
    /** All blocks match. */
    static final int ALL_MATCH = -1;

    private final Crc32c crc = new Crc32c();

    /** Returns whether the answer covers exactly the request, rounded outward to blocks. */
    boolean fits(FrameHeader answer, BlockRequest request) {
        long from = BlockGeometry.blockFloor(request.offsetBytes());
        return answer.offsetBytes() == from
                && answer.lengthBytes() == BlockGeometry.blockCeiling(request.endBytes()) - from;
    }

    /** Returns the index of the first block that does not match its checksum, or {@link #ALL_MATCH}. */
    int firstMismatch(ByteBuf memory, int payloadIndex, int count) {
        int data = payloadIndex + count * Limits.CHECKSUM_BYTES;
        for (int i = 0; i < count; i++) {
            int at = data + i * BlockGeometry.BLOCK_BYTES;
            if (crc.compute(memory, at, BlockGeometry.BLOCK_BYTES) != stored(memory, payloadIndex, i)) {
                return i;
            }
        }
        return ALL_MATCH;
    }

    /** Returns the checksum that came with the block. */
    int stored(ByteBuf memory, int payloadIndex, int block) {
        return memory.getIntLE(payloadIndex + block * Limits.CHECKSUM_BYTES);
    }

    /** Returns the checksum that the block has. */
    int computed(ByteBuf memory, int payloadIndex, int count, int block) {
        int data = payloadIndex + count * Limits.CHECKSUM_BYTES;
        return crc.compute(memory, data + block * BlockGeometry.BLOCK_BYTES, BlockGeometry.BLOCK_BYTES);
    }

    /** Copies what was asked for, and the checksums where they are wanted. */
    void deliver(ByteBuf memory, int payloadIndex, int count, BlockRequest request) {
        int skip = (int) (request.offsetBytes() - BlockGeometry.blockFloor(request.offsetBytes()));
        int from = payloadIndex + count * Limits.CHECKSUM_BYTES + skip;
        request.data().copyIn(0, memory, from, (int) request.lengthBytes());
        ChecksumList wanted = request.checksums();
        if (wanted != null) {
            wanted.resize(count);
            for (int i = 0; i < count; i++) {
                wanted.set(i, stored(memory, payloadIndex, i));
            }
        }
    }
}
