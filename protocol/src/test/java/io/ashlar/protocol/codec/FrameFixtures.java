package io.ashlar.protocol.codec;

import io.ashlar.base.block.BlockGeometry;
import io.ashlar.base.checksum.Crc32c;
import io.ashlar.protocol.frame.FrameFlags;
import io.ashlar.protocol.frame.FrameHeader;
import io.ashlar.protocol.frame.Limits;
import io.ashlar.protocol.frame.Opcode;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.util.Random;

/** Random valid requests, as bytes. */
final class FrameFixtures {
    private static final Opcode[] REQUESTS = {
        Opcode.HELLO,
        Opcode.OPEN,
        Opcode.CLOSE,
        Opcode.PING,
        Opcode.ADMIN,
        Opcode.READ,
        Opcode.WRITE,
        Opcode.WRITE_ZEROES,
        Opcode.DISCARD,
        Opcode.FLUSH,
        Opcode.BLOCK_STATUS,
        Opcode.REPORT_CORRUPT
    };

    private final Random random;
    private final Crc32c crc = new Crc32c();
    private final ByteBuf scratch = Unpooled.wrappedBuffer(new byte[Limits.HEADER_BYTES]);
    private final FrameHeader header = new FrameHeader().wrap(scratch, 0);

    FrameFixtures(Random random) {
        this.random = random;
    }

    /** Returns a valid request whose payload has at most about this many bytes. */
    byte[] request(int payloadBytesMax) {
        Opcode opcode = REQUESTS[random.nextInt(REQUESTS.length)];
        header.clear()
                .opcode(opcode)
                .requestId(random.nextLong())
                .handle(random.nextInt())
                .aux(random.nextLong());
        int payload = 0;
        switch (opcode) {
            case HELLO, OPEN, ADMIN ->
                payload = random.nextInt(Math.min(payloadBytesMax, Limits.MESSAGE_BYTES_MAX) + 1);
            case READ, REPORT_CORRUPT -> dataRange(Limits.DATA_BYTES_MAX);
            case WRITE -> payload = write(payloadBytesMax);
            case WRITE_ZEROES -> {
                dataRange(Limits.DATA_BYTES_MAX);
                header.flags(random.nextBoolean() ? FrameFlags.UNMAP | FrameFlags.FUA : 0);
            }
            case DISCARD, BLOCK_STATUS -> dataRange(Limits.DATA_BYTES_MAX);
            default -> {}
        }
        header.payloadBytes(payload);
        byte[] frame = new byte[Limits.HEADER_BYTES + payload];
        random.nextBytes(frame);
        seal(frame);
        return frame;
    }

    private int write(int payloadBytesMax) {
        int length = dataRange(Math.max(512, Math.min(payloadBytesMax, Limits.DATA_BYTES_MAX)));
        int count = BlockGeometry.blocksTouched(header.offsetBytes(), length);
        header.checksumCount(count).flags(random.nextBoolean() ? FrameFlags.FUA : 0);
        return count * Limits.CHECKSUM_BYTES + length;
    }

    private int dataRange(int lengthMax) {
        int length = 512 * (1 + random.nextInt(lengthMax / 512));
        int within = 512 * random.nextInt((BlockGeometry.REGION_BYTES - length) / 512 + 1);
        header.range(((long) random.nextInt(1 << 20) << BlockGeometry.REGION_SHIFT) + within, length);
        return length;
    }

    private void seal(byte[] frame) {
        header.seal(crc);
        scratch.getBytes(0, frame, 0, Limits.HEADER_BYTES);
    }

    /** Computes the header's checksum anew, so that a mutation of another field gets past it. */
    void reseal(byte[] frame) {
        scratch.setBytes(0, frame, 0, Limits.HEADER_BYTES);
        seal(frame);
    }
}
