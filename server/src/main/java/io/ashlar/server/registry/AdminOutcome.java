package io.ashlar.server.registry;

import io.ashlar.base.status.Status;
import io.ashlar.protocol.message.AdminAnswer;
import io.ashlar.store.catalogue.VolumeRecord;

/** The answer to a volume command. */
public sealed interface AdminOutcome {
    /** It has been carried out, durably. */
    record Done(AdminAnswer answer) implements AdminOutcome {}

    /**
     * Nothing has changed.
     *
     * @param holder the volume when somebody's holding it is the reason, or null
     */
    record Refused(Status status, String message, VolumeRecord holder) implements AdminOutcome {}
}
