package io.ashlar.store.catalogue;

import io.ashlar.base.status.Status;

/** The outcome of a change to the catalogue; a refusal is an ordinary answer, not an exception. */
public sealed interface CatalogueResult {
    /** Returns {@link Status#OK}, or why not. */
    Status status();

    /**
     * The change is durable.
     *
     * @param volume the volume as it is now; as it last was where it has been removed
     */
    record Accepted(VolumeRecord volume) implements CatalogueResult {
        @Override
        public Status status() {
            return Status.OK;
        }
    }

    /**
     * Nothing has changed.
     *
     * @param status never {@link Status#OK}
     * @param message one line for a person
     */
    record Refused(Status status, String message) implements CatalogueResult {}
}
