package io.ashlar.store.file;

import io.ashlar.base.annotation.ThreadSafe;
import io.ashlar.base.block.BlockGeometry;
import io.ashlar.base.checksum.Crc32c;
import io.netty.buffer.ByteBuf;

/** Zeroes to write from, shared by all threads and never written to. */
@ThreadSafe
public final class ZeroBlocks {
    private static final int BYTES = 64 * 1024;
    private static final ByteBuf ZEROES = Scratch.allocate(BYTES);

    /** CRC32C of a block of zeroes. */
    public static final int CHECKSUM = new Crc32c().compute(ZEROES, 0, BlockGeometry.BLOCK_BYTES);

    private ZeroBlocks() {}

    /** Appends {@code length} bytes of zeroes to a vector that is written from. */
    public static void addTo(IoVector vector, int length) {
        for (int done = 0; done < length; done += BYTES) {
            vector.add(ZEROES.memoryAddress(), Math.min(BYTES, length - done));
        }
    }
}
