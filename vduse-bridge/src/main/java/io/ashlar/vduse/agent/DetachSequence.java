package io.ashlar.vduse.agent;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.net.EpollLoop;
import io.ashlar.base.time.Clock;
import io.ashlar.vduse.blk.QueueCounters;
import io.ashlar.vduse.blk.QueueFigure;
import io.ashlar.vduse.blk.RequestKind;
import io.ashlar.vduse.blk.VirtioBlkStatus;
import io.ashlar.vduse.device.ServedDevice;
import io.ashlar.vduse.vhost.VhostUserDevice;
import java.io.IOException;
import java.nio.file.Files;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The way back from a block device to a volume. Refused while anybody uses the device, because the kernel would remove it
 * under its user; the check is made while the disk is held open exclusively, and it stays held until the device is gone.
 */
@ConfinedTo(LoopKind.OWNER)
final class DetachSequence {
    private static final Logger LOG = LoggerFactory.getLogger(DetachSequence.class);
    /** How long requests in flight may take that a forced detachment calls off. */
    private static final long ANSWER_NS = TimeUnit.SECONDS.toNanos(3);

    private static final long LOOK_MS = 2;

    private final BridgeParts parts;
    private final AttachedVolume attached;
    private final DeviceUsers users;
    private final ServedDevice deviceBefore;
    private final long failedBefore;

    /** Counts requests that fail from here on. */
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
        deviceBefore = attached.device();
        failedBefore = failedRequests(deviceBefore);
    }

    private static long failedRequests(ServedDevice device) {
        long sum = 0;
        for (QueueCounters queue : device == null ? List.<QueueCounters>of() : device.counters()) {
            for (RequestKind kind : RequestKind.values()) {
                sum += queue.answers(kind, VirtioBlkStatus.IOERR);
            }
        }
        return sum;
    }

    /**
     * Detaches.
     *
     * @param force whether to remove the device under its users, and to end its I/O with errors
     */
    Detachment detach(boolean force) throws IOException {
        removeDevice(force);
        VolumeOpener.OpenedVolume volume = attached.opened();
        boolean givenBack = attached.details().readOnly()
                || (volume != null && volume.givenBack().getAsBoolean());
        return new Detachment(givenBack, force ? failedRequests() : 0);
    }

    /** Returns how many requests have ended with I/O errors since this was created. */
    long failedRequests() {
        ServedDevice device = attached.device();
        return failedRequests(device) - (device == deviceBefore ? failedBefore : 0);
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
     * Ends all I/O with errors, whatever the node does: requests that it does not answer end with the use of the volume. The kernel
     * waits for all of them when it takes its device off the bus; a front end learns only what it is told before its connection
     * ends, and would wait for the rest for ever.
     */
    void fail(ServedDevice device) throws IOException {
        device.fail();
        long deadlineNs = Clock.SYSTEM.nowNs() + ANSWER_NS;
        CountDownLatch answered = new CountDownLatch(1);
        if (device instanceof VhostUserDevice) {
            parts.loops().control().execute(() -> device.quiesce(answered::countDown));
        } else {
            answered.countDown();
        }
        try {
            VolumeOpener.OpenedVolume volume = attached.opened();
            if (!isAnswered(device, answered, deadlineNs) && volume != null) {
                LOG.warn("{}: its node does not answer what is in flight, and is not waited for", attached.name());
                volume.device().close();
                isAnswered(device, answered, Clock.SYSTEM.nowNs() + ANSWER_NS);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new BridgeException("interrupted", e);
        }
    }

    /** Waits until nothing is in flight: once every loop has heard that the device fails, nothing is added. */
    private boolean isAnswered(ServedDevice device, CountDownLatch answered, long deadlineNs)
            throws InterruptedException {
        boolean isAnswered = answered.await(deadlineNs - Clock.SYSTEM.nowNs(), TimeUnit.NANOSECONDS);
        for (EpollLoop loop : parts.loops().data().all()) {
            isAnswered &= loop.eventLoop()
                    .submit(() -> {})
                    .await(Math.max(0, deadlineNs - Clock.SYSTEM.nowNs()), TimeUnit.NANOSECONDS);
        }
        while (isAnswered && device.counters().stream().anyMatch(queue -> queue.value(QueueFigure.IN_FLIGHT) > 0)) {
            isAnswered = Clock.SYSTEM.nowNs() - deadlineNs < 0;
            Thread.sleep(LOOK_MS);
        }
        return isAnswered;
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
