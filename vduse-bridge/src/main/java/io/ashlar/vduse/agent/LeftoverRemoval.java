package io.ashlar.vduse.agent;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.net.EpollLoops;
import io.ashlar.vduse.device.VduseSysfs;
import java.io.IOException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Removes one device of a bridge that is dead, without starting another: everything that its log shows as in flight and what
 * the rings show as offered ends with an I/O error, as does all that comes until the device is gone. Then its node is told, if it
 * can be. All other devices stay as they are. Blocks; not to be called on a loop.
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
     * @param opener knows where the volume may be
     * @param name the volume's name, or the kernel's name for the device
     * @throws IOException if a bridge runs after all, if there is no such device, or if its rings can't be made sense of
     */
    public static Detachment remove(BridgeConfig config, VolumeOpener opener, String name) throws IOException {
        try (EpollLoops data = EpollLoops.pinned("data", BridgeDaemon.cpusToUse(config));
                BridgeParts parts = BridgeParts.open(config, StateFolder.open(config.controlSocket()), data, opener)) {
            Leftovers leftovers = new Leftovers(parts);
            AttachedVolume found = leftovers.find(name);
            if (found == null) {
                throw new BridgeException("no device of " + name + " is left on this host");
            }
            Detachment ended = leftovers.remove(found);
            LOG.info(ended.text(name));
            return ended;
        }
    }
}
