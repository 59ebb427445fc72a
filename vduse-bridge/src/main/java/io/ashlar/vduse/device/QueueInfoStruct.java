package io.ashlar.vduse.device;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;

/**
 * {@code struct vduse_vq_info} (linux/vduse.h), in and out of VQ_GET_INFO.
 *
 * <pre>
 *   index 0:4, in | num 4:4 | desc_addr 8:8 | driver_addr 16:8, avail | device_addr 24:8, used
 *   split.avail_index 32:2, as set by the driver and not our progress | ready 40:1
 * </pre>
 */
@ConfinedTo(LoopKind.OWNER)
final class QueueInfoStruct extends KernelStruct {
    static final int SIZE_BYTES = 48;
    static final int INDEX_OFFSET = 0;
    static final int NUM_OFFSET = 4;
    static final int DESC_OFFSET = 8;
    static final int AVAIL_OFFSET = 16;
    static final int USED_OFFSET = 24;
    static final int AVAIL_INDEX_OFFSET = 32;
    static final int READY_OFFSET = 40;

    QueueInfoStruct() {
        super(SIZE_BYTES);
    }

    QueueInfoStruct index(int index) {
        clear();
        memory.setIntLE(INDEX_OFFSET, index);
        return this;
    }

    QueueInfo toInfo() {
        return new QueueInfo(
                memory.getIntLE(NUM_OFFSET),
                memory.getLongLE(DESC_OFFSET),
                memory.getLongLE(AVAIL_OFFSET),
                memory.getLongLE(USED_OFFSET),
                memory.getUnsignedShortLE(AVAIL_INDEX_OFFSET),
                memory.getByte(READY_OFFSET) != 0);
    }
}
