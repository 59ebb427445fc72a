package io.ashlar.vduse.blk;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.block.BlockRequest;
import io.ashlar.base.block.Operation;
import io.ashlar.base.block.ScatterList;

/**
 * One virtio-blk request in flight: a slot per head of a chain, allocated with the queue and reused. A discard or write-zeroes
 * request of several ranges goes to the block queue range by range.
 */
@ConfinedTo(LoopKind.DATA)
final class VirtioBlkRequest extends BlockRequest {
    private final VirtioBlkQueue queue;
    private final int head;
    private final ScatterList data;
    private final ScatterList statusPlace = new ScatterList(1);

    private final Operation[] rangeOperation = new Operation[1];
    private final long[] rangeOffsetBytes = new long[VirtioBlkConfig.RANGES_MAX];
    private final long[] rangeLengthBytes = new long[VirtioBlkConfig.RANGES_MAX];
    private final int[] rangeFlags = new int[VirtioBlkConfig.RANGES_MAX];
    private int rangeCount;
    private int rangeNext;

    VirtioBlkRequest(VirtioBlkQueue queue, int head, int segmentsMax) {
        this.queue = queue;
        this.head = head;
        data = new ScatterList(segmentsMax);
    }
}
