package io.ashlar.vduse.blk;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.block.BlockRequest;
import io.ashlar.base.block.ScatterList;
import io.ashlar.base.status.Status;
import io.ashlar.vduse.vring.DescriptorChain;
import io.ashlar.vduse.vring.MemoryMap;

/**
 * One virtio-blk request in flight: a slot per head of a chain, allocated with the queue and reused. A discard or
 * write-zeroes request of several ranges goes to the block queue range by range.
 */
@ConfinedTo(LoopKind.DATA)
final class VirtioBlkRequest extends BlockRequest {
    /** Set by the reader. */
    RequestKind kind = RequestKind.OTHER;

    /** The {@link QueueMeter}'s own. */
    long offeredNs;

    long sentNs;
    long answeredNs;
    boolean submitted;
    boolean sent;

    private final VirtioBlkQueue queue;
    private final int head;
    private final ScatterList memory;
    private final ScatterList statusPlace = new ScatterList(1);
    private final long[] rangeOffsetBytes = new long[VirtioBlkConfig.RANGES_MAX];
    private final long[] rangeLengthBytes = new long[VirtioBlkConfig.RANGES_MAX];
    private final int[] rangeFlags = new int[VirtioBlkConfig.RANGES_MAX];
    private long rangeBytes;
    private int rangeCount;
    private int rangeNext;
    private int writtenBytes;
    private boolean inFlight;

    VirtioBlkRequest(VirtioBlkQueue queue, int head, int segmentsMax) {
        this.queue = queue;
        this.head = head;
        memory = new ScatterList(segmentsMax);
    }

    /** Starts over for a new chain; finds its status byte, the last writable one. Returns false if that isn't mapped. */
    boolean begin(DescriptorChain chain, MemoryMap map) {
        memory.clear();
        statusPlace.clear();
        rangeCount = 0;
        rangeBytes = 0;
        rangeNext = 0;
        writtenBytes = 0;
        return chain.gather(true, chain.writableBytes() - 1, 1, map, statusPlace);
    }

    /** Drops every reference to the driver's memory. */
    void release() {
        memory.release();
        statusPlace.release();
    }

    boolean isInFlight() {
        return inFlight;
    }

    void setInFlight(boolean now) {
        inFlight = now;
    }

    int head() {
        return head;
    }

    /** Returns the list for the request's data; the reader fills it. */
    ScatterList memory() {
        return memory;
    }

    /** Returns the data bytes that the driver's memory has got once the request is done. */
    int writtenBytes() {
        return writtenBytes;
    }

    void setWrittenBytes(int bytes) {
        writtenBytes = bytes;
    }

    void addRange(long offsetBytes, long lengthBytes, int flags) {
        rangeOffsetBytes[rangeCount] = offsetBytes;
        rangeLengthBytes[rangeCount] = lengthBytes;
        rangeFlags[rangeCount] = flags;
        rangeCount++;
        rangeBytes += lengthBytes;
    }

    /** Returns the bytes of the volume that the request is about, in all its ranges. */
    long volumeBytes() {
        return kind == RequestKind.OTHER ? 0 : rangeCount == 0 ? lengthBytes() : rangeBytes;
    }

    /** Turns to the next range; returns false if there is none. */
    boolean nextRange() {
        if (rangeNext == rangeCount) {
            return false;
        }
        set(operation(), rangeOffsetBytes[rangeNext], rangeLengthBytes[rangeNext], rangeFlags[rangeNext]);
        rangeNext++;
        return true;
    }

    void writeStatus(VirtioBlkStatus status) {
        statusPlace.memory(0).setByte(statusPlace.offset(0), status.code());
    }

    @Override
    protected void onComplete(Status status) {
        queue.completed(this, status);
    }
}
