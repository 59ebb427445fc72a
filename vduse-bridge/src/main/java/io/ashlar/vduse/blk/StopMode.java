package io.ashlar.vduse.blk;

/** How a {@link VirtioBlkQueue} is stopped. */
public enum StopMode {
    /** Requests in flight are waited for and answered, so that another owner can go on: a queue moves between loops. */
    DRAIN,
    /**
     * The driver is gone: no request in flight is answered, neither status nor used ring is written again. They are waited
     * for all the same, since their memory is borrowed until then; the block queue is closed to end them soon.
     */
    ABANDON
}
