package io.ashlar.vduse.agent;

import io.ashlar.base.annotation.ThreadSafe;
import io.ashlar.base.block.BlockGeometry;
import io.ashlar.vduse.device.ServedDevice;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.ExecutionException;

/**
 * A volume on its way to a block device, being one, or on its way back. Whoever sets the state to something other than
 * {@code ATTACHED} has the attachment to itself until it sets it back; everybody else only looks.
 */
@ThreadSafe
final class AttachedVolume {
    /** Where an attachment is in its life. */
    enum State {
        ATTACHING,
        ATTACHED,
        DETACHING,
        RESUMING,
        ORPHAN,
        LEAVING;

        /** Returns it as people see it. */
        String text() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    private final String name;
    private final Teardown teardown = new Teardown();
    private final boolean leftover;
    private State state;
    private State beforeLeaving;
    private boolean givenUp;
    private AttachmentRecord details;
    private ServedDevice device;
    private VolumeOpener.OpenedVolume volume;
    private String disk;

    AttachedVolume(String name, State state) {
        this.name = name;
        this.state = state;
        leftover = state != State.ATTACHING;
    }

    String name() {
        return name;
    }

    /** Returns how to undo it; for whoever has the attachment. */
    Teardown teardown() {
        return teardown;
    }

    /**
     * Takes the attachment for detaching, if nobody has it.
     *
     * @param force whether one that waits for its node, or for nobody, may be taken too
     * @return the state it was in; it is the caller's if that was {@code ATTACHED}, or one of those two
     */
    synchronized State takeForDetach(boolean force) {
        State before = state;
        boolean waits = state == State.RESUMING || state == State.ORPHAN;
        if (state == State.ATTACHED || (waits && force)) {
            state = State.DETACHING;
        }
        return before;
    }

    /** Takes an attachment that waits for its node, for the next try; false when somebody else has taken it. */
    synchronized boolean takeForResume() {
        boolean waits = state == State.RESUMING;
        if (waits) {
            state = State.ATTACHING;
        }
        return waits;
    }

    /** Takes the attachment for a successor of the bridge, unless somebody has it; returns whether it is taken so. */
    synchronized boolean takeForSuccessor() {
        boolean free = state == State.ATTACHED || state == State.RESUMING || state == State.ORPHAN;
        if (free) {
            beforeLeaving = state;
            state = State.LEAVING;
        }
        return state == State.LEAVING;
    }

    /** Undoes {@link #takeForSuccessor}. */
    synchronized void giveBack() {
        if (state == State.LEAVING) {
            state = beforeLeaving;
        }
    }

    /** Says that an attachment that nobody has been told of shall not come to be; without effect on all others. */
    synchronized void giveUp() {
        givenUp |= state == State.ATTACHING && !leftover;
    }

    synchronized boolean isGivenUp() {
        return givenUp;
    }

    /** Makes a new attachment what it was to become; returns false if it has been given up meanwhile. */
    synchronized boolean complete() {
        if (!givenUp) {
            state = State.ATTACHED;
        }
        return !givenUp;
    }

    /** Returns whether somebody is about to make a device, or to remove one. */
    synchronized boolean isUnderWay() {
        return state == State.DETACHING || (state == State.ATTACHING && !leftover && device != null);
    }

    synchronized void setState(State newState) {
        state = newState;
    }

    synchronized State state() {
        return state;
    }

    synchronized void opened(VolumeOpener.OpenedVolume opened, ServedDevice newDevice, AttachmentRecord newDetails) {
        volume = opened;
        device = newDevice;
        details = newDetails;
    }

    synchronized void appearedAs(String newDisk) {
        disk = newDisk;
    }

    /** Returns the volume while it is open, else null. */
    synchronized VolumeOpener.OpenedVolume opened() {
        return volume;
    }

    synchronized ServedDevice device() {
        return device;
    }

    synchronized AttachmentRecord details() {
        return details;
    }

    /** Returns where people find it: its disk, or its socket; null while there is neither. */
    synchronized String place() {
        if (details != null && details.isVhostUser()) {
            return details.socket();
        }
        return disk == null ? null : "/dev/" + disk;
    }

    /** Returns the disk's name, or null while there is none. */
    synchronized String disk() {
        return disk;
    }

    /** Returns what there is to measure of it. */
    synchronized VolumeFigures figures() {
        return new VolumeFigures(
                name,
                disk,
                state.text(),
                volume == null ? null : volume.device(),
                device == null ? List.of() : device.counters());
    }

    /** Returns what to show of it. */
    Attachment describe(BridgeParts parts) {
        List<Integer> cpus = cpus(parts);
        synchronized (this) {
            BlockGeometry geometry = volume == null ? null : volume.device().geometry();
            Path link = DiskNode.link(parts.host(), name);
            return new Attachment(
                    name,
                    state.text(),
                    disk == null ? null : parts.host().dev().resolve(disk).toString(),
                    disk == null ? null : link.toString(),
                    details == null || details.isVhostUser() ? null : details.vduse(),
                    details != null && details.readOnly(),
                    geometry == null ? 0 : geometry.sizeBytes(),
                    geometry == null ? 0 : geometry.logicalBlockBytes(),
                    cpus,
                    details == null ? 0 : details.bounceBytes(),
                    details == null ? 0 : details.sinceMs(),
                    details == null ? null : details.socket());
        }
    }

    private List<Integer> cpus(BridgeParts parts) {
        ServedDevice current = device();
        if (current == null) {
            return List.of();
        }
        try {
            return parts.loops()
                    .control()
                    .eventLoop()
                    .submit(current::queueCpus)
                    .get();
        } catch (ExecutionException e) {
            throw new IllegalStateException(e.getCause());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return List.of();
        }
    }
}
