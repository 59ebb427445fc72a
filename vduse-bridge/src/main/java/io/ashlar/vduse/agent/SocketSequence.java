package io.ashlar.vduse.agent;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.time.Clock;
import io.ashlar.vduse.blk.VirtioBlkConfig;
import io.ashlar.vduse.device.DeviceShape;
import io.ashlar.vduse.device.VduseSysfs;
import io.ashlar.vduse.vhost.VhostUserDevice;
import java.io.IOException;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;

/** The way from a volume to a socket that vhost-user front ends connect to, and back there after a bridge has ended. */
@ConfinedTo(LoopKind.OWNER)
final class SocketSequence {
    /** The ring index of the protocol's messages has 8 bits; more queues than this serve nobody. */
    static final int QUEUES_MAX = 64;

    private final BridgeParts parts;
    private final AttachedVolume attached;
    private final Teardown teardown;

    SocketSequence(BridgeParts parts, AttachedVolume attached) {
        this.parts = parts;
        this.attached = attached;
        teardown = attached.teardown();
    }

    /** Returns the path that a request names. */
    static Path path(String text) throws BridgeException {
        try {
            Path path = Path.of(text);
            if (path.isAbsolute() && path.getFileName() != null) {
                return path.normalize();
            }
        } catch (InvalidPathException e) {
            throw new BridgeException("'" + text + "' can't be a path: " + e.getReason(), e);
        }
        throw new BridgeException("'" + text + "' is not the absolute path of a socket");
    }

    /** Attaches; on return front ends can connect, and the volume's state says so. */
    void attach(AttachWish wish) throws IOException {
        int queues = queueCount(wish.queues());
        try {
            VolumeOpener.OpenedVolume volume = parts.opener().open(attached.name(), wish.readOnly(), wish.steal());
            AttachmentRecord details = new AttachmentRecord(
                    AttachmentRecord.VERSION,
                    attached.name(),
                    volume.id().toString(),
                    DeviceShape.NAME_PREFIX + volume.id(),
                    wish.readOnly(),
                    queues,
                    parts.config().queueSize(),
                    0,
                    volume.heldSinceMs(),
                    Clock.SYSTEM.wallMs(),
                    wish.socket().toString());
            parts.pushLetGo(teardown, volume);
            refuseIfKnown(details.vduse());
            parts.pushGiveBack(teardown, volume);
            parts.pushForget(teardown, details.vduse());
            if (!details.readOnly()) {
                new BootRecord(parts.state(), details.vduse(), volume).begin();
            }
            serve(details, volume);
            parts.state().save(details);
            if (!attached.complete()) {
                throw new BridgeException("the bridge is stopping");
            }
        } catch (IOException | RuntimeException e) {
            teardown.runThrough();
            throw e;
        }
    }

    /** What is written down of a device that an earlier bridge has left must not be replaced, nor forgotten. */
    private void refuseIfKnown(String vduse) throws IOException {
        parts.state().refuseUnreadable(vduse);
        if (VduseSysfs.ownDevices().contains(vduse) || parts.state().recorded().contains(vduse)) {
            throw new BridgeException("the volume is a device of this host already (" + vduse + "); detach that first");
        }
    }

    private int queueCount(int wanted) throws BridgeException {
        if (wanted < 0 || wanted > QUEUES_MAX) {
            throw new BridgeException("queues: " + wanted + " is not 0 (as the bridge is configured) to " + QUEUES_MAX);
        }
        int configured = wanted > 0 ? wanted : parts.config().queues();
        return configured > 0
                ? Math.min(QUEUES_MAX, configured)
                : Math.min(QUEUES_MAX, parts.loops().data().all().size());
    }

    /** Serves the volume again where an earlier bridge did: front ends connect again by themselves. */
    void resume(AttachmentRecord details, VolumeOpener.OpenedVolume volume) throws IOException {
        try {
            parts.pushVolume(teardown, volume);
            parts.pushForget(teardown, details.vduse());
            serve(details, volume);
        } catch (IOException | RuntimeException e) {
            teardown.letGo();
            attached.opened(null, null, details);
            throw e;
        }
    }

    private void serve(AttachmentRecord details, VolumeOpener.OpenedVolume volume) throws IOException {
        VirtioBlkConfig config = AttachSequence.configOf(volume.device(), details, VirtioBlkConfig.SIZE_MAX_BYTES);
        VhostUserDevice device = new VhostUserDevice(
                details.socket(),
                config,
                volume.device(),
                parts.loops(),
                AttachSequence.identityOf(details, config.features()));
        attached.opened(volume, device, details);
        parts.pushClose(teardown, device, attached.name());
        Path path = Path.of(details.socket());
        parts.onControlLoop("listen on " + path, () -> {
            device.open(path);
            return null;
        });
    }
}
