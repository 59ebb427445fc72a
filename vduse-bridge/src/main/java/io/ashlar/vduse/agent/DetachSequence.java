package io.ashlar.vduse.agent;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.vduse.device.ServedDevice;
import io.ashlar.vduse.vhost.VhostUserDevice;
import java.io.IOException;
import java.nio.file.Files;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/**
 * The way back from a block device to a volume. Refused while anybody uses the device, because the kernel would remove it
 * under its user; the check is made while the disk is held open exclusively, and it stays held until the device is gone.
 */
@ConfinedTo(LoopKind.OWNER)
final class DetachSequence {
    private static final long ANSWER_SECONDS = 5;

    private final BridgeParts parts;
    private final AttachedVolume attached;
    private final DeviceUsers users;

    DetachSequence(BridgeParts parts, AttachedVolume attached) {
        this(
                parts,
                attached,
                new DeviceUsers(parts.host(), ProcessHandle.current().pid(), DeviceUsers::numberOf));
    }

    DetachSequence(BridgeParts parts, AttachedVolume attached, DeviceUsers users) {
        this.parts = parts;
        this.attached = attached;
        this.users = users;
    }

    /**
     * Detaches.
     *
     * @param force whether to remove the device under its users, and to end its I/O with errors
     * @return whether other hosts can have the volume now; if not, its node could not be told
     */
    boolean detach(boolean force) throws IOException {
        removeDevice(force);
        VolumeOpener.OpenedVolume volume = attached.opened();
        return attached.details().readOnly()
                || (volume != null && volume.givenBack().getAsBoolean());
    }

    private void removeDevice(boolean force) throws IOException {
        if (!force && attached.device() instanceof VhostUserDevice device && !isReleased(device)) {
            throw new BridgeException(
                    attached.name() + " (" + attached.place() + ") is in use: a front end is connected");
        }
        String disk = attached.disk();
        if (force || disk == null || !Files.exists(parts.host().dev().resolve(disk))) {
            if (force && attached.device() != null) {
                fail(attached.device());
            }
            attached.teardown().run();
            return;
        }
        detachDisk(disk);
    }

    /**
     * Ends all I/O with errors. The kernel waits for that when it takes its device off the bus; a front end learns only what it is
     * told before its connection ends, and would wait for the rest for ever.
     */
    private void fail(ServedDevice device) throws IOException {
        device.fail();
        if (!(device instanceof VhostUserDevice)) {
            return;
        }
        CountDownLatch answered = new CountDownLatch(1);
        parts.loops().control().execute(() -> device.quiesce(answered::countDown));
        try {
            if (!answered.await(ANSWER_SECONDS, TimeUnit.SECONDS)) {
                attached.opened()
                        .device()
                        .close(); // the node is slow, and the end of its connections ends the requests
                answered.await(ANSWER_SECONDS, TimeUnit.SECONDS);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new BridgeException("interrupted", e);
        }
    }

    /** Returns whether no front end is connected, and makes sure that none will be. */
    private boolean isReleased(VhostUserDevice device) {
        return parts.loops()
                .control()
                .eventLoop()
                .submit(device::release)
                .syncUninterruptibly()
                .getNow();
    }

    private void detachDisk(String disk) throws IOException {
        DiskNode node = new DiskNode(parts.host(), disk);
        try (DiskNode.Hold hold = node.hold()) {
            List<String> found = users.of(disk);
            if (hold == null || !found.isEmpty()) {
                throw new BridgeException(attached.name() + " (" + node.path() + ") is in use: "
                        + (found.isEmpty() ? "mounted or held where this can't be seen" : String.join("; ", found)));
            }
            hold.flush();
            attached.teardown().run();
        }
    }
}
