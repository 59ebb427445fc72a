package io.ashlar.server.registry;

import io.ashlar.base.block.BlockDevice;
import io.ashlar.base.status.Status;
import io.ashlar.store.catalogue.VolumeRecord;

/** The answer to an {@link OpenRequest}. */
public sealed interface OpenResult {
    /**
     * The volume may be used; every request that this use supersedes has ended.
     *
     * @param record the volume now
     * @param device the volume's way in
     * @param incarnation greater than that of every earlier use
     * @param ticket to be handed back when the use has ended
     */
    record Opened(VolumeRecord record, BlockDevice device, long incarnation, UseTicket ticket) implements OpenResult {}

    /**
     * It may not.
     *
     * @param holder the volume when it is held by somebody else, or null
     */
    record Refused(Status status, String message, VolumeRecord holder) implements OpenResult {}
}
