package io.ashlar.vduse.vring;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.block.ScatterList;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;

/**
 * A private copy of the indirect descriptor table of the chain that is being fetched (virtio 1.2, 2.7.5.3). The table may lie
 * anywhere in the driver's memory, at any alignment and across windows. Allocated once per queue.
 */
@ConfinedTo(LoopKind.DATA)
final class IndirectTable {
    /** A table of at most 512 KiB crosses at most one window edge. */
    private static final int PIECES_MAX = 2;

    private final ByteBuf copy;
    private final ScatterList place = new ScatterList(PIECES_MAX);
    private final DescriptorTable table;

    IndirectTable(int entriesMax) {
        copy = Unpooled.wrappedBuffer(new byte[entriesMax * DescriptorTable.ENTRY_BYTES]);
        table = new DescriptorTable(copy.nioBuffer(0, copy.capacity()));
    }

    /** Copies a table; returns null, or what is wrong with it. */
    VringFault load(long iova, long lengthBytes, MemoryMap memory) {
        if (lengthBytes == 0 || lengthBytes % DescriptorTable.ENTRY_BYTES != 0 || lengthBytes > copy.capacity()) {
            return VringFault.INDIRECT_TABLE_SIZE;
        }
        place.clear();
        if (!memory.resolve(iova, lengthBytes, false, place)) {
            return VringFault.ADDRESS_NOT_MAPPED;
        }
        place.copyOut(0, copy, 0, (int) lengthBytes);
        return null;
    }

    /** Returns the descriptors copied last. */
    DescriptorTable table() {
        return table;
    }
}
