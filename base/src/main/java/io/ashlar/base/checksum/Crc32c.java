package io.ashlar.base.checksum;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.netty.buffer.ByteBuf;
import java.nio.ByteBuffer;
import java.util.zip.CRC32C;

/**
 * CRC32C (RFC 3720, appendix B.4) over parts of direct buffers, without allocation: one instance per loop. The buffer's
 * cached NIO view is used, so a buffer must not be read by two threads at the same time.
 */
@ConfinedTo(LoopKind.DATA)
public final class Crc32c {
    private final CRC32C crc = new CRC32C();

    /** Starts over. */
    public void reset() {
        crc.reset();
    }

    /** Adds {@code length} bytes at the absolute index. */
    public void update(ByteBuf buffer, int index, int length) {
        crc.update(buffer.internalNioBuffer(index, length));
    }

    /** Adds the bytes between the buffer's position and limit, which moves its position. */
    public void update(ByteBuffer buffer) {
        crc.update(buffer);
    }

    /** Returns the checksum of all bytes since {@link #reset()}. */
    public int value() {
        return (int) crc.getValue();
    }

    /** Returns the checksum of {@code length} bytes at the absolute index. */
    public int compute(ByteBuf buffer, int index, int length) {
        crc.reset();
        update(buffer, index, length);
        return value();
    }
}
