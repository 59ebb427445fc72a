package io.ashlar.vduse.device;

import io.ashlar.vduse.blk.QueueCounters;
import java.util.List;

/** A volume that is served to a driver, whatever the way between them. On the control loop, unless said otherwise. */
public interface ServedDevice {
    /**
     * Ends everything in flight and to come with an error; for a device that must go while its node is away. Any thread
     * may call it.
     */
    void fail();

    /** Stops fetching, for good, and lets what is in flight end; the driver's requests wait for a successor. */
    void quiesce(Runnable whenDrained);

    /**
     * Lets go of the driver and of its memory; may be called again.
     *
     * @param whenCutOff runs soon, whatever the volume does: nothing is answered any more, and others may serve the driver
     * @param whenClosed runs when no request is in flight any more, so that the volume may be closed
     */
    void close(Runnable whenCutOff, Runnable whenClosed);

    /** The same for who waits for the volume only. */
    default void close(Runnable whenClosed) {
        close(() -> {}, whenClosed);
    }

    /** Returns what is counted of each virtqueue. Any thread may call it. */
    List<QueueCounters> counters();

    /** Returns the CPU that serves each virtqueue, -1 for those that the driver does not use. */
    List<Integer> queueCpus();
}
