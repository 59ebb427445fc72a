package io.ashlar.base.block;

import io.ashlar.base.loop.Loop;

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

    /** Registers a listener for changes of {@link #geometry()}; it may be called on any thread. */
    void onGeometryChange(Runnable listener);

    /** Ends the device after its queues have been closed. */
    @Override
    void close();
}
