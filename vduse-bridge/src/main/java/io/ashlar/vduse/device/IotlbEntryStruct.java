package io.ashlar.vduse.device;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;

/**
 * {@code struct vduse_iotlb_entry} (linux/vduse.h), in and out of IOTLB_GET_FD. Addresses are I/O virtual addresses.
 *
 * <pre>
 *   offset 0:8, in the returned file | start 8:8 | last 16:8, inclusive | perm 24:1 (1 read, 2 write, 3 both) | pad 25:7
 * </pre>
 */
@ConfinedTo(LoopKind.OWNER)
final class IotlbEntryStruct extends KernelStruct {
    static final int SIZE_BYTES = 32;
    static final int OFFSET_OFFSET = 0;
    static final int START_OFFSET = 8;
    static final int LAST_OFFSET = 16;
    static final int PERM_OFFSET = 24;
    private static final int PERM_WRITE = 2;

    IotlbEntryStruct() {
        super(SIZE_BYTES);
    }

    IotlbEntryStruct range(long start, long last) {
        clear();
        memory.setLongLE(START_OFFSET, start);
        memory.setLongLE(LAST_OFFSET, last);
        return this;
    }

    long fileOffset() {
        return memory.getLongLE(OFFSET_OFFSET);
    }

    long start() {
        return memory.getLongLE(START_OFFSET);
    }

    long last() {
        return memory.getLongLE(LAST_OFFSET);
    }

    boolean writable() {
        return (memory.getByte(PERM_OFFSET) & PERM_WRITE) != 0;
    }
}
