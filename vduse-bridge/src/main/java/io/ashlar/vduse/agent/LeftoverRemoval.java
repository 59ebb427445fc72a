package io.ashlar.vduse.agent;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.net.EpollLoops;
import io.ashlar.vduse.device.VduseException;
import io.ashlar.vduse.device.VduseSysfs;
import java.io.IOException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Removes one device of a bridge that is dead, without starting another: everything that its log shows as in flight and what
 * the rings show as offered ends with an I/O error, as does all that comes until the device is gone. All other devices stay as
 * they are. Blocks; not to be called on a loop.
 */
@ConfinedTo(LoopKind.OWNER)
public final class LeftoverRemoval {
    private static final Logger LOG = LoggerFactory.getLogger(LeftoverRemoval.class);

    private LeftoverRemoval() {}

    /** Returns whether this host has any device of a bridge, dead or alive. */
    public static boolean isAnyLeft() throws IOException {
        return !VduseSysfs.ownDevices().isEmpty();
    }

    /**
     * Removes the device.
     *
     * @param name the volume's name, or the kernel's name for the device
     * @throws IOException if a bridge runs after all, if there is no such device, or if its rings can't be made sense of
     */
    public static Detachment remove(BridgeConfig config, String name) throws IOException {
        VolumeOpener nowhere = (volume, readOnly, steal) -> {
            throw new BridgeException("no volume is opened to remove a device");
        };
        try (EpollLoops data = EpollLoops.pinned("data", BridgeDaemon.cpusToUse(config));
                BridgeParts parts = BridgeParts.open(config, StateFolder.open(config.controlSocket()), data, nowhere)) {
            Leftovers leftovers = new Leftovers(parts);
            AttachedVolume found = leftovers.find(name);
            if (found == null) {
                throw new BridgeException("no device of " + name + " is left on this host");
            }
            String vduse = found.details().vduse();
            Detachment ended = new Detachment(found.details().readOnly(), 0);
            if (parts.vdpa().contains(vduse)) {
                DetachSequence sequence = new DetachSequence(parts, found);
                leftovers.serveErrors(found);
                ended = sequence.detach(true);
            } else {
                destroy(parts, vduse);
            }
            parts.state().delete(vduse);
            LOG.info("{} is detached, its I/O has ended with errors", name);
            return ended;
        }
    }

    private static void destroy(BridgeParts parts, String vduse) throws VduseException {
        int result = parts.vduse().destroy(vduse);
        if (result < 0) {
            throw new VduseException("can't destroy the VDUSE device " + vduse, result);
        }
    }
}
