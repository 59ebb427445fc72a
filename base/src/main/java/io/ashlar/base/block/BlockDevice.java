package io.ashlar.base.block;

import io.ashlar.base.loop.Loop;
import io.ashlar.base.status.Status;

/**
 * A volume, wherever it is: remote, in a file, in memory, or nowhere. Implementations are thread-safe; their data path
 * is the {@link BlockQueue} that each loop opens for itself.
 */
public interface BlockDevice extends AutoCloseable {
    /** Returns the size and block size now; they may grow. */
    BlockGeometry geometry();

    /**
     * Opens a way in for one loop. Called on that loop.
     *
     * @param completionsEnded run on the loop after each batch of completions, so that the submitter can publish them
     *     at once; completions inside {@code submit} or {@code endBatch} may come without it
     */
    BlockQueue openQueue(Loop loop, Runnable completionsEnded);

    /**
     * Asks what a range holds, which {@link BlockGeometry#validate} would pass for a read. Not the data path: it may
     * allocate and hand over. Nothing is said about writes in flight. A device that does not know says data.
     *
     * @param runs filled from the offset on with as many runs as it has room for; belongs to the device until the answer
     * @param loop the caller's loop, on which the listener is called once, possibly before this returns
     */
    default void blockStatus(
            long offsetBytes, long lengthBytes, BlockRuns runs, Loop loop, BlockRuns.Listener listener) {
        runs.clear();
        runs.add(BlockRuns.Kind.DATA, lengthBytes);
        listener.onRuns(Status.OK, runs);
    }

    /** Registers a listener for changes of {@link #geometry()}; it may be called on any thread. */
    void onGeometryChange(Runnable listener);

    /** Ends the device after its queues have been closed. */
    @Override
    void close();
}
