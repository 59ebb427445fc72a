package io.ashlar.vduse.blk;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.block.BlockDevice;
import io.ashlar.base.loop.Loop;
import io.ashlar.vduse.vring.MemoryMap;
import io.ashlar.vduse.vring.SplitVirtqueue;
import io.ashlar.vduse.vring.VringPosition;

/**
 * The engine of one virtqueue of a virtio block device (virtio 1.2, 5.2): takes requests from the ring to a block queue and
 * answers them. One owner, one loop, from construction to the end of {@link #stop}; a queue that moves is drained here and
 * constructed anew there.
 */
@ConfinedTo(LoopKind.DATA)
public final class VirtioBlkQueue {
    /**
     * Opens the block queue and allocates a slot per ring entry. Nothing is fetched before the first {@link #onKick}, which the
     * owner should call once unprompted: the driver may have offered requests before anybody listened.
     *
     * @param vring the opened rings; the queue becomes their only user
     * @param memory the loop's map of the driver's memory; borrowed until the queue has stopped
     */
    public VirtioBlkQueue(
            Loop loop,
            BlockDevice device,
            VirtioBlkConfig config,
            SplitVirtqueue vring,
            MemoryMap memory,
            QueueEvents events) {}

    /** Serves what the driver has offered. */
    public void onKick() {}

    /**
     * Stops fetching at once and ends the requests in flight as the mode says. A draining stop may be followed by an abandoning
     * one (a reset while the server is away); the callbacks of both run then.
     *
     * @param whenDrained run on the loop, perhaps before this method returns, when no request is in flight, the block queue is
     *     closed and neither it nor this queue touches the driver's memory any more
     */
    public void stop(StopMode mode, Runnable whenDrained) {}

    /** Returns where another owner goes on, valid when a draining stop has ended. */
    public VringPosition position() {
        return VringPosition.START;
    }
}
