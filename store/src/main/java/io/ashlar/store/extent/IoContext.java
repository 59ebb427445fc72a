package io.ashlar.store.extent;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.block.BlockGeometry;
import io.ashlar.base.checksum.Crc32c;
import io.ashlar.store.file.IoVector;
import io.ashlar.store.file.Scratch;
import io.ashlar.store.format.BlockVersion;
import io.netty.buffer.ByteBuf;

/**
 * The scratch memory of one thread that works for the store: a data loop, which must not block, or a pool thread, which
 * may. The same code runs on both and asks {@link #mayBlock()}.
 */
@ConfinedTo(LoopKind.OWNER)
public final class IoContext {
    /** Bytes of a region's page of map entries: 256 entries of 16 bytes. */
    private static final int PAGE_BYTES = 4096;

    private final boolean mayBlock;
    private final ByteBuf page = Scratch.allocate(PAGE_BYTES);
    private final ByteBuf edges = Scratch.allocate(2 * BlockGeometry.BLOCK_BYTES);
    private final IoVector vector = new IoVector();
    private final Crc32c crc = new Crc32c();
    private final BlockVersion previous = new BlockVersion();
    private final BlockVersion next = new BlockVersion();

    /** Creates the scratch memory of a thread. */
    public IoContext(boolean mayBlock) {
        this.mayBlock = mayBlock;
    }

    /** Returns whether the thread may wait for a disk. */
    public boolean mayBlock() {
        return mayBlock;
    }

    /** Returns room for one region's page of map entries. */
    public ByteBuf page() {
        return page;
    }

    /** Returns room for the two partial blocks of a request, the first one at 0, the last one at 4096. */
    public ByteBuf edges() {
        return edges;
    }

    /** Returns the vector, cleared by whoever uses it. */
    public IoVector vector() {
        return vector;
    }

    /** Returns the checksum engine. */
    public Crc32c crc() {
        return crc;
    }

    /** Returns scratch for what a block held before. */
    public BlockVersion previous() {
        return previous;
    }

    /** Returns scratch for what a block holds next. */
    public BlockVersion next() {
        return next;
    }
}
