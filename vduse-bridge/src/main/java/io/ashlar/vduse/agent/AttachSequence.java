package io.ashlar.vduse.agent;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.block.BlockDevice;
import io.ashlar.base.sys.Errno;
import io.ashlar.base.time.Clock;
import io.ashlar.vduse.blk.VirtioBlkConfig;
import io.ashlar.vduse.device.BridgedDevice;
import io.ashlar.vduse.device.DeviceShape;
import io.ashlar.vduse.device.KernelDevice;
import io.ashlar.vduse.device.ServedDevice;
import io.ashlar.vduse.device.VduseDevice;
import io.ashlar.vduse.device.VduseException;
import io.ashlar.vduse.device.VduseSysfs;
import io.ashlar.vduse.inflight.DeviceIdentity;
import io.ashlar.vduse.inflight.DeviceLog;
import io.ashlar.vduse.inflight.InflightException;
import io.netty.buffer.Unpooled;
import java.io.IOException;
import java.nio.file.Files;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;

/**
 * The way from a volume's name to its block device, step by step; each step says how it is undone, and a failure undoes
 * them all. Blocks; runs on one of the bridge's threads.
 */
@ConfinedTo(LoopKind.OWNER)
final class AttachSequence {
    /** How long the volume may take to answer the kernel's first reads, before the attachment is given up. */
    private static final long PROBE_SECONDS = 60;

    private static final long REMOVE_SECONDS = 60;
    private static final long START_SECONDS = 10;
    private static final long APPEAR_NS = TimeUnit.SECONDS.toNanos(5);
    private static final long LOOK_MS = 5;
    /** Measured: larger ones gain nothing, and read-ahead follows it. */
    private static final int OPTIMAL_IO_BYTES = 1 << 20;

    private static final int SERIAL_HEX_DIGITS = 20;

    private final BridgeParts parts;
    private final AttachedVolume attached;
    private final Teardown teardown;

    AttachSequence(BridgeParts parts, AttachedVolume attached) {
        this.parts = parts;
        this.attached = attached;
        teardown = attached.teardown();
    }

    /** Attaches; on return the block device can be used, and the volume's state says so. */
    void attach(boolean readOnly, boolean steal) throws IOException {
        try {
            VolumeOpener.OpenedVolume volume = openVolume(readOnly, steal);
            checkWanted();
            AttachmentRecord details = createDevice(volume, readOnly);
            checkWanted();
            putOnBus(details.vduse());
            finish(details);
            if (!attached.complete()) {
                checkWanted();
            }
        } catch (IOException | RuntimeException e) {
            giveUp();
            throw e;
        }
    }

    private void checkWanted() throws BridgeException {
        if (attached.isGivenUp()) {
            throw new BridgeException("the bridge is stopping");
        }
    }

    private VolumeOpener.OpenedVolume openVolume(boolean readOnly, boolean steal) throws IOException {
        VolumeOpener.OpenedVolume volume = parts.opener().open(attached.name(), readOnly, steal);
        parts.pushLetGo(teardown, volume);
        parts.state().refuseUnreadable(DeviceShape.NAME_PREFIX + volume.id());
        parts.pushGiveBack(teardown, volume);
        return volume;
    }

    private AttachmentRecord createDevice(VolumeOpener.OpenedVolume volume, boolean readOnly) throws IOException {
        parts.vduse().check();
        int queues = queueCount();
        int queueSize = parts.config().queueSize();
        long bounceBytes = parts.budget().take(queues, queueSize, parts.config().bounceBytes());
        teardown.push("give the bounce memory back", () -> parts.budget().giveBack(bounceBytes));
        AttachmentRecord details = new AttachmentRecord(
                AttachmentRecord.VERSION,
                attached.name(),
                volume.id().toString(),
                DeviceShape.NAME_PREFIX + volume.id(),
                readOnly,
                queues,
                queueSize,
                bounceBytes,
                volume.heldSinceMs(),
                Clock.SYSTEM.wallMs(),
                null);
        VirtioBlkConfig config = configOf(volume.device(), details);
        create(details.vduse(), config);
        parts.pushForget(teardown, details.vduse());
        DeviceLog log = parts.state().createLog(identityOf(details, config.features()));
        if (!readOnly) {
            new BootRecord(parts.state(), details.vduse(), volume).begin();
        }
        VduseDevice kernel = openDevice(details.vduse(), queues);
        setUpOrClose(kernel, details);
        BridgedDevice device = serve(volume, details, kernel, config, log);
        parts.onControlLoop("listen to the kernel", () -> {
            device.open();
            return null;
        });
        return details;
    }

    /** Else the device could not be destroyed. */
    void setUpOrClose(KernelDevice kernel, AttachmentRecord details) throws IOException {
        try {
            setUp(kernel, details);
        } catch (IOException | RuntimeException e) {
            kernel.close();
            throw e;
        }
    }

    private void setUp(KernelDevice kernel, AttachmentRecord details) throws IOException {
        VduseSysfs sysfs = new VduseSysfs(details.vduse());
        sysfs.bounceSize(details.bounceBytes());
        sysfs.messageTimeout(parts.config().messageTimeoutSeconds());
        for (int i = 0; i < details.queues(); i++) {
            int result = kernel.setupQueue(i, details.queueSize());
            if (result < 0) {
                throw new VduseException("can't set virtqueue " + i + " up", result);
            }
        }
    }

    /** Every CPU's loop serves one queue of each device, unless told otherwise; the driver uses no more than there are CPUs. */
    private int queueCount() {
        int configured = parts.config().queues();
        return configured > 0 ? configured : parts.loops().data().all().size();
    }

    private static VirtioBlkConfig configOf(BlockDevice volume, AttachmentRecord details) {
        return configOf(volume, details, OPTIMAL_IO_BYTES);
    }

    /**
     * Returns the device that a volume becomes.
     *
     * @param optimalIoBytes for vhost-user {@link VirtioBlkConfig#SIZE_MAX_BYTES}: libblkio's users want the largest request,
     *     which is a number of such segments, to be a multiple of it
     */
    static VirtioBlkConfig configOf(BlockDevice volume, AttachmentRecord details, int optimalIoBytes) {
        return new VirtioBlkConfig(
                volume.geometry(),
                serialOf(UUID.fromString(details.id())),
                details.queues(),
                details.queueSize(),
                optimalIoBytes,
                true,
                true);
    }

    static DeviceIdentity identityOf(AttachmentRecord details, long features) {
        return new DeviceIdentity(
                UUID.fromString(details.id()),
                details.vduse(),
                features,
                details.queues(),
                details.queueSize(),
                details.sinceMs());
    }

    /**
     * Returns what an earlier bridge has written down about the requests in flight of a device that it has left.
     *
     * @throws InflightException if that is not about this attachment of this device
     */
    static DeviceLog logOf(BridgeParts parts, AttachmentRecord details) throws IOException {
        DeviceLog log = parts.state().openLog(details.vduse());
        DeviceIdentity found = log.identity();
        int queues = new VduseSysfs(details.vduse()).queueCount();
        if (!found.equals(identityOf(details, found.features())) || found.queues() != queues) {
            throw new InflightException("the log of its requests in flight is of another attachment: " + found);
        }
        return log;
    }

    /** The volume's identity in the 20 characters that a virtio serial has. */
    static String serialOf(UUID id) {
        return id.toString().replace("-", "").substring(0, SERIAL_HEX_DIGITS);
    }

    private void create(String vduse, VirtioBlkConfig config) throws IOException {
        DeviceShape shape = new DeviceShape(
                vduse,
                config.features(),
                config.queueCount(),
                config.queueSize(),
                Unpooled.wrappedBuffer(config.toBytes()));
        int result = parts.vduse().create(shape);
        if (result == -Errno.EEXIST) {
            // Left by an attempt that was cut short; one that is in use can't be destroyed.
            int destroyed = parts.vduse().destroy(vduse);
            if (destroyed < 0) {
                throw new BridgeException("the device " + vduse + " exists already and is in use");
            }
            result = parts.vduse().create(shape);
        }
        if (result < 0) {
            throw new VduseException("can't create the VDUSE device " + vduse, result);
        }
        pushDestroy(vduse);
    }

    private void pushDestroy(String vduse) {
        teardown.pushRemoval("destroy the VDUSE device", () -> {
            int destroyed = parts.vduse().destroy(vduse);
            if (destroyed < 0) {
                throw new VduseException("can't destroy the VDUSE device " + vduse, destroyed);
            }
        });
    }

    /** The node appears a moment after the device has been created. */
    private VduseDevice openDevice(String vduse, int queues) throws IOException {
        long deadlineNs = Clock.SYSTEM.nowNs() + APPEAR_NS;
        while (true) {
            try {
                return VduseDevice.open(vduse, queues);
            } catch (VduseException e) {
                boolean early = e.errno() == Errno.ENOENT || e.errno() == Errno.ENODEV;
                if (!early || Clock.SYSTEM.nowNs() - deadlineNs > 0) {
                    throw e;
                }
                pause();
            }
        }
    }

    private BridgedDevice serve(
            VolumeOpener.OpenedVolume volume,
            AttachmentRecord details,
            VduseDevice kernel,
            VirtioBlkConfig config,
            DeviceLog log) {
        BridgedDevice device = new BridgedDevice(
                details.vduse(), kernel, config, volume.device(), parts.loops(), new VduseSysfs(details.vduse()), log);
        attached.opened(volume, device, details);
        parts.pushClose(teardown, device, details.vduse());
        return device;
    }

    private void putOnBus(String vduse) throws IOException {
        pushRemove(vduse);
        try {
            parts.bus().add(vduse).get(PROBE_SECONDS, TimeUnit.SECONDS);
        } catch (ExecutionException e) {
            throw Teardown.asIoException("attach", e.getCause());
        } catch (TimeoutException e) {
            throw new BridgeException(
                    "the volume did not answer the kernel's first reads within " + PROBE_SECONDS
                            + " s; is its node up?",
                    e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new BridgeException("interrupted", e);
        }
        parts.vdpa().bindVirtio(vduse);
    }

    private void pushRemove(String vduse) {
        teardown.pushRemoval("take the device off the vDPA bus", () -> {
            if (parts.vdpa().contains(vduse)) {
                parts.bus().remove(vduse).get(REMOVE_SECONDS, TimeUnit.SECONDS);
            }
        });
    }

    /** The bus says yes even when the driver said no: only the disk itself proves anything. */
    private void finish(AttachmentRecord details) throws IOException {
        DiskNode node = new DiskNode(parts.host(), awaitDisk(details.vduse()));
        node.setNonRotational();
        node.linkAs(attached.name());
        teardown.pushRemoval(
                "remove the link", () -> Files.deleteIfExists(DiskNode.link(parts.host(), attached.name())));
        parts.state().save(details);
        attached.appearedAs(node.disk());
    }

    private String awaitDisk(String vduse) throws IOException {
        long deadlineNs = Clock.SYSTEM.nowNs() + APPEAR_NS;
        while (Clock.SYSTEM.nowNs() - deadlineNs < 0) {
            String disk = parts.vdpa().diskOf(vduse);
            if (disk != null && Files.exists(parts.host().dev().resolve(disk))) {
                return disk;
            }
            pause();
        }
        throw new BridgeException("the kernel's virtio_blk driver did not take the device; dmesg says why");
    }

    private void giveUp() {
        ServedDevice device = attached.device();
        if (device != null) {
            device.fail(); // so that the kernel does not wait for its I/O
        }
        teardown.runThrough();
    }

    /**
     * Takes over a device that another bridge has left while its driver was running.
     *
     * @param log what it had in flight; null if nobody knows, which can be served only if it was nothing
     * @param toFail whether every request, the first one too, is to end with an error
     */
    void resume(AttachmentRecord details, DeviceLog log, VolumeOpener.OpenedVolume volume, boolean toFail)
            throws IOException {
        String vduse = details.vduse();
        parts.pushVolume(teardown, volume);
        parts.budget().account(details.bounceBytes());
        teardown.push("give the bounce memory back", () -> parts.budget().giveBack(details.bounceBytes()));
        pushDestroy(vduse);
        parts.pushForget(teardown, vduse);
        DeviceLog known = log == null ? DeviceLog.ofThisProcess(unknown(details)) : log;
        VirtioBlkConfig config = configOf(volume.device(), details);
        VduseDevice kernel = openDevice(vduse, details.queues());
        BridgedDevice device = serve(volume, details, kernel, config, known);
        pushRemove(vduse);
        if (toFail) {
            device.fail();
        }
        resumeQueues(log == null ? device::resumeWithoutLog : device::resume);
    }

    /** What was offered of it may have been anything: the driver's choice has to be known to this program, that is all. */
    private static DeviceIdentity unknown(AttachmentRecord details) {
        return identityOf(details, -1).withQueues(details.queues(), DeviceIdentity.RING_SIZE_MAX);
    }

    private void resumeQueues(Consumer<Consumer<Exception>> resume) throws IOException {
        CountDownLatch started = new CountDownLatch(1);
        Exception[] refusal = new Exception[1];
        parts.onControlLoop("resume", () -> {
            resume.accept(why -> {
                refusal[0] = why;
                started.countDown();
            });
            return null;
        });
        try {
            if (!started.await(START_SECONDS, TimeUnit.SECONDS)) {
                throw new BridgeException("its queues do not start");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new BridgeException("interrupted", e);
        }
        if (refusal[0] != null) {
            throw Teardown.asIoException("resume", refusal[0]);
        }
    }

    /** Completes a resumed attachment: the disk is there already. */
    void resumed(AttachmentRecord details) throws IOException {
        finish(details);
    }

    private static void pause() throws IOException {
        try {
            Thread.sleep(LOOK_MS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new BridgeException("interrupted", e);
        }
    }
}
