package io.ashlar.base.block;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.status.Status;

/**
 * One loop's way into a {@link BlockDevice}. All methods are called on that loop, and completions come back on it.
 * Requests in flight on one device that overlap are ordered by the device, whatever queue they came through.
 */
@ConfinedTo(LoopKind.DATA)
public interface BlockQueue extends AutoCloseable {
    /**
     * Takes a request that {@link BlockGeometry#validate} has passed. Whatever happens, the request is completed
     * exactly once; a request that can't be served now waits.
     */
    void submit(BlockRequest request);

    /** Says that the batch of submissions has ended: what is gathered is sent now. */
    void endBatch();

    /**
     * Says that nobody waits for the requests in flight any more: those of which nothing has been begun end with the status,
     * soon; the others, and all of a device that doesn't tell them apart, end as they would have.
     */
    default void callOff(Status status) {}

    /** Ends the queue. Requests in flight are completed first, with an error where nothing else can be had. */
    @Override
    void close();
}
