package io.ashlar.vduse.device;

import io.ashlar.vduse.vring.VringLayout;

/**
 * What the driver has set up for one virtqueue.
 *
 * @param size descriptors in the ring; may be less than was offered
 * @param descriptors I/O virtual address of the descriptor table
 * @param available I/O virtual address of the available ring
 * @param used I/O virtual address of the used ring
 * @param availableIndex the index to start fetching at after a fresh set-up
 * @param ready whether the driver uses the queue
 */
public record QueueInfo(int size, long descriptors, long available, long used, int availableIndex, boolean ready) {
    /** Returns where the queue is. */
    public VringLayout layout() {
        return new VringLayout(size, descriptors, available, used);
    }
}
