package io.ashlar.vduse.blk;

/**
 * The stages of a request in the bridge. A batch has one time of each kind, so a stage is the same for a whole batch up to
 * where the node answers.
 */
public enum QueueStage {
    /** From when the loop took up the kick to when the batch was handed to the volume: to the socket, if it is remote. */
    SUBMIT,
    /** From there to the first answer of the batch that its answer came in: the volume's own time. */
    NODE,
    /** From there to the used ring: checking and copying the batch. */
    COMPLETE
}
