package io.ashlar.vduse.agent;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.block.BlockDevice;
import io.ashlar.base.block.BlockGeometry;
import io.ashlar.base.block.NullBlockDevice;
import io.ashlar.vduse.device.VduseException;
import io.ashlar.vduse.device.VduseSysfs;
import io.ashlar.vduse.inflight.DeviceIdentity;
import io.ashlar.vduse.inflight.DeviceLog;
import io.ashlar.vduse.inflight.InflightException;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.UUID;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Devices that an earlier bridge has left behind. One whose driver runs waits, with its applications, for a successor: it is
 * taken over where the earlier bridge has written down what it was. One that nobody can use is destroyed. One that is used
 * and unknown is an orphan: it stays as it is, and {@code detach --force} ends its I/O with errors and removes it.
 */
@ConfinedTo(LoopKind.OWNER)
final class Leftovers {
    private static final Logger LOG = LoggerFactory.getLogger(Leftovers.class);

    /** What is served in a volume's place. */
    private static final BlockDevice NOWHERE =
            new NullBlockDevice(new BlockGeometry(BlockGeometry.EXTENT_BYTES, 4096, true));

    private final BridgeParts parts;

    Leftovers(BridgeParts parts) {
        this.parts = parts;
    }

    /** Destroys what nobody can use, and returns the devices to take over; orphans have no record. */
    List<AttachedVolume> find() throws IOException {
        List<AttachedVolume> found = new ArrayList<>();
        for (String vduse : VduseSysfs.ownDevices()) {
            if (!parts.vdpa().contains(vduse)) {
                int result = parts.vduse().destroy(vduse);
                LOG.info(
                        "{} was left off the bus by an earlier bridge: {}", vduse, result < 0 ? "in use" : "destroyed");
                parts.state().delete(vduse);
                continue;
            }
            found.add(identify(vduse));
        }
        for (AttachmentRecord details : parts.state().loadAll()) {
            if (details.isVhostUser()) {
                AttachedVolume volume = new AttachedVolume(details.volume(), AttachedVolume.State.RESUMING);
                volume.opened(null, null, details);
                found.add(volume);
            } else if (details.isOfGoneDevice()) { // a bridge died in the middle of its detachment
                LOG.info("{} is gone, and so is now what an earlier bridge has written down of it", details.vduse());
                parts.state().delete(details.vduse());
            }
        }
        return found;
    }

    /** Returns the device that was left of a volume, or that the kernel knows by the name; null if there is none. */
    AttachedVolume find(String name) throws IOException {
        for (String vduse : VduseSysfs.ownDevices()) {
            AttachedVolume found = identify(vduse);
            if (name.equals(found.name()) || name.equals(vduse)) {
                return found;
            }
        }
        return null;
    }

    private AttachedVolume identify(String vduse) throws IOException {
        AttachmentRecord details = null;
        try {
            details = parts.state().load(vduse);
        } catch (IOException e) {
            LOG.warn("{}: {}", vduse, e.getMessage());
        }
        boolean known = details != null;
        if (!known) {
            LOG.warn(
                    "{} was left by an earlier bridge that has told nothing about it; '--force' detaches {}",
                    vduse,
                    vduse);
        }
        AttachedVolume volume = new AttachedVolume(
                known ? details.volume() : vduse, known ? AttachedVolume.State.RESUMING : AttachedVolume.State.ORPHAN);
        volume.opened(null, null, known ? details : unknown(vduse));
        volume.appearedAs(parts.vdpa().diskOf(vduse));
        return volume;
    }

    /** The log of what is in flight knows enough of a device to end its I/O. */
    private AttachmentRecord unknown(String vduse) throws IOException {
        DeviceIdentity identity;
        try {
            identity = parts.state().openLog(vduse).identity();
        } catch (InflightException e) {
            LOG.warn("{}: {}", vduse, e.getMessage());
            int queues = new VduseSysfs(vduse).queueCount();
            identity = new DeviceIdentity(
                    new UUID(0, 0), vduse, 0, queues, BridgeConfig.defaults().queueSize(), 0);
        }
        return new AttachmentRecord(
                AttachmentRecord.VERSION,
                vduse,
                identity.volumeId().toString(),
                vduse,
                false,
                identity.queues(),
                identity.ringSize(),
                new VduseSysfs(vduse).bounceSize(),
                0,
                identity.incarnation(),
                null);
    }

    /** Takes a device over: opens its volume again, and serves what the earlier bridge has left unanswered. */
    void resume(AttachedVolume attached) throws IOException {
        AttachmentRecord details = attached.details();
        if (details.isVhostUser()) { // front ends keep the log of theirs
            new SocketSequence(parts, attached).resume(details, open(details));
            return;
        }
        DeviceLog log = AttachSequence.logOf(parts, details);
        VolumeOpener.OpenedVolume volume = open(details);
        AttachSequence sequence = new AttachSequence(parts, attached);
        takeOver(attached, sequence, log, volume, false);
        try {
            sequence.resumed(details);
        } catch (IOException | RuntimeException e) {
            letGo(attached); // the next try would fence this one
            throw e;
        }
    }

    private VolumeOpener.OpenedVolume open(AttachmentRecord details) throws IOException {
        VolumeOpener.OpenedVolume volume = parts.opener().open(details.volume(), details.readOnly(), false);
        if (!volume.id().toString().equals(details.id())) {
            volume.device().close();
            throw new BridgeException("there is another volume of that name now");
        }
        if (volume.heldSinceMs() != details.heldSinceMs()) {
            volume.device().close();
            throw new InflightException(
                    "the volume was released, or another host has had it, since it was attached here;"
                            + " what was in flight may be older than what it holds now");
        }
        if (!details.readOnly()) {
            try {
                new BootRecord(parts.state(), details.vduse(), volume).resume();
            } catch (IOException | RuntimeException e) {
                volume.letGo().run();
                throw e;
            }
        }
        return volume;
    }

    /**
     * Makes an orphan, or a device that can't be resumed, ready to be removed: its I/O ends with errors. Without a log that can be
     * trusted that is possible only while nothing is in flight.
     */
    void serveErrors(AttachedVolume orphan) throws IOException {
        if (orphan.details().isVhostUser()) {
            return; // nobody has any I/O there before its socket is back
        }
        VolumeOpener.OpenedVolume nobodyTold =
                nobodyTold(UUID.fromString(orphan.details().id()));
        DeviceLog log = null;
        try {
            log = AttachSequence.logOf(parts, orphan.details());
        } catch (InflightException e) {
            LOG.warn(
                    "{} can be removed only if it has nothing in flight: {}",
                    orphan.details().vduse(),
                    e.getMessage());
        }
        takeOver(orphan, new AttachSequence(parts, orphan), log, nobodyTold, true);
        orphan.teardown().pushRemoval("remove the link", () -> DiskNode.unlink(parts.host(), orphan.disk()));
    }

    /** Returns what is served in the place of a volume. */
    static VolumeOpener.OpenedVolume nobodyTold(UUID id) {
        return new VolumeOpener.OpenedVolume(NOWHERE, id, 0, VolumeOpener.NodeBoot.NONE, () -> {}, () -> false);
    }

    /**
     * Puts aside what is written down of a device that no bridge can go on with, since nobody can read it.
     *
     * @param vduse the device's name, or whatever else somebody wants to be detached
     * @param served what this bridge has, none of which may be forgotten
     * @return that no node is told
     */
    Detachment putAside(String vduse, boolean force, Collection<AttachedVolume> served) throws IOException {
        boolean inUse = VduseSysfs.ownDevices().contains(vduse)
                || served.stream()
                        .map(AttachedVolume::details)
                        .anyMatch(details -> details != null && vduse.equals(details.vduse()));
        String why = inUse ? null : parts.state().whyUnreadable(vduse);
        if (why == null) {
            throw new BridgeException(vduse + " is not attached");
        }
        if (!force) {
            throw new BridgeException(
                    "nobody can read what is written down of " + vduse + " (" + why + "); '--force' puts it aside");
        }
        LOG.warn(
                "{} is forgotten; its record is now {}: {}",
                vduse,
                parts.state().putAside(vduse),
                why);
        return new Detachment(false, 0);
    }

    /** Returns whether nobody serves the device: also after a removal of such a one that has failed midway. */
    static boolean isOne(AttachedVolume volume) {
        VolumeOpener.OpenedVolume opened = volume.opened();
        return volume.device() == null || (opened != null && opened.device() == NOWHERE);
    }

    /** Removes a device that nobody serves, by force. */
    Detachment remove(AttachedVolume found) throws IOException {
        DetachSequence sequence = new DetachSequence(parts, found);
        boolean givenBack = removeAndGiveBack(parts.opener(), found.details(), () -> removeDevice(found, sequence));
        return new Detachment(givenBack, sequence.failedRequests());
    }

    private void removeDevice(AttachedVolume found, DetachSequence sequence) throws IOException {
        String vduse = found.details().vduse();
        if (found.device() != null) { // a removal has failed midway
            sequence.detach(true);
        } else if (found.details().isVhostUser() || parts.vdpa().contains(vduse)) {
            serveErrors(found);
            sequence.detach(true);
        } else {
            int result = parts.vduse().destroy(vduse);
            if (result < 0) {
                throw new VduseException("can't destroy the VDUSE device " + vduse, result);
            }
        }
        parts.state().delete(vduse);
    }

    /** What takes a device away. */
    interface Removal {
        void run() throws IOException;
    }

    /**
     * Takes the volume back as a successor would, and gives it up when its device is gone: while that is there nobody else on this
     * host can have the volume, and it stays this host's where the device stays.
     */
    static boolean removeAndGiveBack(VolumeOpener opener, AttachmentRecord details, Removal removal)
            throws IOException {
        boolean isNotHeld = details.readOnly();
        VolumeOpener.OpenedVolume volume = null;
        try {
            volume = isNotHeld ? null : reopen(opener, details);
            isNotHeld = volume == null;
        } catch (IOException | RuntimeException e) { // which is no reason to keep the device
            LOG.warn("{}: its node will not be told: {}", details.volume(), e.getMessage());
        }
        try {
            removal.run();
        } catch (IOException | RuntimeException e) {
            if (volume != null) {
                volume.letGo().run();
            }
            throw e;
        }
        if (volume != null) {
            volume.device().close();
        }
        return isNotHeld || (volume != null && volume.givenBack().getAsBoolean());
    }

    /** Returns null if there is nothing to give back. What turns out to be somebody else's is not closed, which would end their use. */
    private static VolumeOpener.OpenedVolume reopen(VolumeOpener opener, AttachmentRecord details) throws IOException {
        UUID id = UUID.fromString(details.id());
        VolumeOpener.OpenedVolume volume = opener.reopen(details.volume(), id, details.heldSinceMs());
        if (volume != null && !(volume.id().equals(id) && volume.heldSinceMs() == details.heldSinceMs())) {
            volume.letGo().run();
            throw new BridgeException("it is another volume now, or was released and attached again");
        }
        return volume;
    }

    private static void takeOver(
            AttachedVolume attached,
            AttachSequence sequence,
            DeviceLog log,
            VolumeOpener.OpenedVolume volume,
            boolean toFail)
            throws IOException {
        try {
            sequence.resume(attached.details(), log, volume, toFail);
        } catch (IOException | RuntimeException e) {
            letGo(attached);
            throw e;
        }
    }

    private static void letGo(AttachedVolume attached) {
        attached.teardown().letGo();
        attached.opened(null, null, attached.details());
    }
}
