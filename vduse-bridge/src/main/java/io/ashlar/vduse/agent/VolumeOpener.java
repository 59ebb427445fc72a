package io.ashlar.vduse.agent;

import io.ashlar.base.block.BlockDevice;
import java.io.IOException;
import java.util.UUID;
import java.util.function.BooleanSupplier;

/** Where the bridge gets its volumes from; whoever wires the program knows whether they are remote, in a file or nowhere. */
@FunctionalInterface
public interface VolumeOpener {
    /**
     * Opens a volume for this host. May block; called on the bridge's threads only.
     *
     * @param steal whether to take it from another host that holds it
     * @throws IOException with one sentence for the operator
     */
    OpenedVolume open(String name, boolean readOnly, boolean steal) throws IOException;

    /**
     * Opens for writing a volume that this host holds, to give it back: its device is to go whether or not its node answers, so that
     * is not waited for longer than some seconds. Whoever else uses the volume, or another of that name, keeps it.
     *
     * @param heldSinceMs since when this host has held it, see {@link OpenedVolume}
     * @return null if it does so no more: there is nothing to give back
     * @throws IOException with one sentence for the operator
     */
    default OpenedVolume reopen(String name, UUID id, long heldSinceMs) throws IOException {
        return open(name, false, false);
    }

    /**
     * Throws, with one sentence for the operator, if the volume would not be found now, or is another one by that name. Changes
     * nothing, and may block.
     */
    default void check(String name, UUID id) throws IOException {}

    /**
     * A volume, open. Whoever opened it closes the device.
     *
     * @param id the volume's identity, which survives renaming; device name and serial follow from it
     * @param heldSinceMs another number than that of an earlier time, if someone else may have written in between
     * @param boot what acknowledged writes that are not flushed depend on
     * @param letGo ends its use as the death of this process would: this host goes on holding it, for the next try
     * @param givenBack tells, once the device has been closed, whether other hosts can have it: false if its node could not be told
     */
    record OpenedVolume(
            BlockDevice device, UUID id, long heldSinceMs, NodeBoot boot, Runnable letGo, BooleanSupplier givenBack) {
        /** A volume that nobody but this host can have. */
        public OpenedVolume(BlockDevice device, UUID id) {
            this(device, id, 0, NodeBoot.NONE, () -> {}, () -> true);
        }
    }

    /** The time between two starts of the machine that keeps a volume: writes that are not flushed do not outlive it. */
    interface NodeBoot {
        /** Nothing gets lost. */
        NodeBoot NONE = new NodeBoot() {
            @Override
            public String id() {
                return "";
            }

            @Override
            public void onChange(Runnable listener) {}

            @Override
            public void continueFrom(String idBefore) {}
        };

        /** Returns its name, without spaces, or an empty text if nothing gets lost. */
        String id();

        /** Calls the listener, on any thread, after each change of the name; it must not block. */
        void onChange(Runnable listener);

        /**
         * Says during which one an earlier process had writes acknowledged. If that is over, some may be gone, and the volume fails
         * from now on. Before the first request.
         */
        void continueFrom(String idBefore);
    }
}
