package io.ashlar.vduse.blk;

import io.ashlar.vduse.vring.VringFault;

/** What a {@link VirtioBlkQueue} tells its transport, on the queue's loop. Implementations must not call the queue back. */
public interface QueueEvents {
    /** The driver wants an interrupt: once per batch of completions. Data path: neither blocks nor allocates. */
    void call();

    /**
     * The driver broke a rule: the queue has stopped fetching for good. What is in flight is still answered. Reported once.
     */
    void broken(VringFault fault);
}
