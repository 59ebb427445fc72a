package io.ashlar.store.volume;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.block.BlockQueue;
import io.ashlar.base.block.BlockRequest;
import io.ashlar.base.status.Status;

/** One loop's way into a stored volume. */
@ConfinedTo(LoopKind.DATA)
public final class StoredQueue implements BlockQueue {
    StoredQueue() {}

    @Override
    public void submit(BlockRequest request) {
        request.complete(Status.UNSUPPORTED);
    }

    /**
     * Finds out what the range holds; the answer comes on this queue's loop.
     *
     * @param runs filled with as many runs as it has room for, from {@code offsetBytes} on; belongs to the store until
     *     the answer
     */
    public void blockStatus(long offsetBytes, long lengthBytes, BlockRuns runs, BlockRuns.Listener listener) {
        listener.onRuns(Status.UNSUPPORTED, runs);
    }

    @Override
    public void endBatch() {}

    @Override
    public void close() {}
}
