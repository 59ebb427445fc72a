package io.ashlar.vduse.agent;

import io.ashlar.base.annotation.ThreadSafe;
import io.ashlar.base.net.EpollLoop;
import io.ashlar.base.net.EpollLoops;
import io.ashlar.base.time.Clock;
import io.ashlar.vduse.bus.VdpaBus;
import io.ashlar.vduse.bus.VdpaSysfs;
import io.ashlar.vduse.device.AffinityWatch;
import io.ashlar.vduse.device.BridgedDevice;
import io.ashlar.vduse.device.QueuePlacement;
import io.ashlar.vduse.device.VduseControl;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The bridge of a host: turns volumes into block devices and back. Its methods block and may be called by any thread but a
 * loop. It never removes a device that is in use, not even when it ends: the applications then wait for its successor.
 */
@ThreadSafe
public final class BridgeDaemon implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(BridgeDaemon.class);
    /** What can be a file name in /dev/ashlar without surprises. */
    private static final Pattern NAME = Pattern.compile("[A-Za-z0-9][A-Za-z0-9._-]{0,127}");

    private static final long STOP_SECONDS = 5;
    private static final long RESUME_RETRY_MS = 1_000;
    private static final long FORCE_WAIT_NS = TimeUnit.SECONDS.toNanos(30);
    private static final long LOOK_MS = 10;

    private final BridgeParts parts;
    private final EpollLoops controlLoops;
    private final Leftovers leftovers;
    private final Map<String, AttachedVolume> volumes = new ConcurrentHashMap<>();
    private final ExecutorService background = Executors.newCachedThreadPool(task -> {
        Thread thread = new Thread(task, "bridge-resume");
        thread.setDaemon(true);
        return thread;
    });
    private final SelfWatch selfWatch;
    private volatile boolean stopping;

    private BridgeDaemon(BridgeParts parts, EpollLoops controlLoops) {
        this.parts = parts;
        this.controlLoops = controlLoops;
        leftovers = new Leftovers(parts);
        OwnFiles files = OwnFiles.ofThisProcess(
                parts.host(), parts.config().controlSocket().toAbsolutePath().getParent());
        selfWatch = new SelfWatch(files, volumes.values());
    }

    /**
     * Starts the bridge, and takes over what an earlier one has left.
     *
     * @param dataLoops one pinned loop per CPU of {@link #cpusToUse}; shared with whoever opens the volumes, and the
     *     caller's to close
     */
    public static BridgeDaemon start(BridgeConfig config, EpollLoops dataLoops, VolumeOpener opener)
            throws IOException {
        StateFolder state = StateFolder.open(config.controlSocket());
        VduseControl vduse;
        try {
            vduse = VduseControl.open();
        } catch (IOException e) {
            state.close();
            throw e;
        }
        EpollLoops controlLoops = EpollLoops.floating("bridge-control", 1);
        EpollLoop control = controlLoops.all().get(0);
        AffinityWatch watch = control.eventLoop()
                .submit(() -> AffinityWatch.start(control))
                .syncUninterruptibly()
                .getNow();
        BitSet cpus = new BitSet();
        dataLoops.all().forEach(loop -> cpus.set(loop.cpu()));
        BridgedDevice.Loops loops =
                new BridgedDevice.Loops(control, dataLoops, new QueuePlacement(cpus, config.keepAffinity()), watch);
        long budget = config.bounceBudgetBytes() > 0 ? config.bounceBudgetBytes() : HostMemory.totalBytes() / 8;
        HostFolders host = HostFolders.REAL;
        BridgeParts parts = new BridgeParts(
                config,
                host,
                vduse,
                new VdpaBus(),
                new VdpaSysfs(host.sys()),
                opener,
                loops,
                state,
                new BounceBudget(budget));
        BridgeDaemon daemon = new BridgeDaemon(parts, controlLoops);
        daemon.takeOver();
        return daemon;
    }

    /** Returns the CPUs that the configuration asks for, all of which must be allowed. */
    public static BitSet cpusToUse(BridgeConfig config) {
        BitSet allowed = EpollLoops.allowedCpus();
        BitSet wanted = config.cpus();
        if (wanted.isEmpty()) {
            return allowed;
        }
        BitSet beyond = config.cpus();
        beyond.andNot(allowed);
        if (!beyond.isEmpty()) {
            throw new IllegalArgumentException("cpus: " + beyond + " can't be used; allowed are " + allowed);
        }
        return wanted;
    }

    private void takeOver() throws IOException {
        for (AttachedVolume found : leftovers.find()) {
            volumes.put(found.name(), found);
            if (found.state() == AttachedVolume.State.RESUMING) {
                background.execute(() -> resume(found));
            }
        }
    }

    /** Tries until it works: the applications wait, and the node may come back at any time. */
    private void resume(AttachedVolume found) {
        String last = "";
        while (!stopping && found.takeForResume()) {
            try {
                leftovers.resume(found);
                found.setState(AttachedVolume.State.ATTACHED);
                LOG.info("{} is served again as /dev/{}", found.name(), found.disk());
                selfWatch.lookSoon();
                return;
            } catch (IOException | RuntimeException e) {
                if (!last.equals(e.getMessage())) {
                    last = String.valueOf(e.getMessage());
                    LOG.warn("can't serve {} (/dev/{}) yet: {}", found.name(), found.disk(), last);
                }
                found.setState(AttachedVolume.State.RESUMING);
            }
            sleep(RESUME_RETRY_MS);
        }
    }

    /** Attaches a volume and returns when its block device is there. */
    public Attachment attach(String name, boolean readOnly, boolean steal) throws IOException {
        if (!NAME.matcher(name).matches()) {
            throw new BridgeException("'" + name + "' can't be the name of a volume");
        }
        if (stopping) {
            throw new BridgeException("the bridge is stopping");
        }
        AttachedVolume mine = new AttachedVolume(name, AttachedVolume.State.ATTACHING);
        AttachedVolume other = volumes.putIfAbsent(name, mine);
        if (other != null) {
            String disk = other.disk();
            throw new BridgeException(name + " is " + words(other.state()) + (disk == null ? "" : " as /dev/" + disk));
        }
        try {
            new AttachSequence(parts, mine).attach(readOnly, steal);
        } catch (IOException | RuntimeException e) {
            volumes.remove(name, mine);
            throw e;
        }
        mine.setState(AttachedVolume.State.ATTACHED);
        LOG.info("{} is /dev/{}", name, mine.disk());
        selfWatch.lookSoon();
        return mine.describe(parts);
    }

    private static String words(AttachedVolume.State state) {
        return switch (state) {
            case ATTACHING -> "being attached";
            case ATTACHED -> "attached already";
            case DETACHING -> "being detached";
            case RESUMING -> "attached already, waiting for its node,";
            case ORPHAN -> "left by an earlier bridge";
        };
    }

    /**
     * Detaches a volume.
     *
     * @param force whether to do so under its users, and with its node away: their I/O ends with errors
     */
    public void detach(String name, boolean force) throws IOException {
        AttachedVolume volume = volumes.get(name);
        if (volume == null) {
            throw new BridgeException(name + " is not attached");
        }
        AttachedVolume.State before = take(volume, force);
        try {
            if (volume.device() == null) {
                leftovers.serveErrors(volume);
            }
            new DetachSequence(parts, volume).detach(force);
        } catch (IOException | RuntimeException e) {
            volume.setState(before == AttachedVolume.State.ATTACHED ? before : AttachedVolume.State.ORPHAN);
            throw e;
        }
        parts.state().delete(volume.details().vduse());
        volumes.remove(name, volume);
        LOG.info("{} is detached", name);
    }

    /** Makes the volume this thread's. With force, whoever has it is made to hurry: its I/O ends with errors. */
    private AttachedVolume.State take(AttachedVolume volume, boolean force) throws IOException {
        long deadlineNs = Clock.SYSTEM.nowNs() + FORCE_WAIT_NS;
        while (true) {
            AttachedVolume.State before = volume.takeForDetach(force);
            boolean waits = before == AttachedVolume.State.RESUMING || before == AttachedVolume.State.ORPHAN;
            if (waits && !force) {
                throw new BridgeException(volume.name() + " is " + words(before)
                        + " and may be in use; '--force' detaches" + " it all the same");
            }
            if (before != AttachedVolume.State.ATTACHING && before != AttachedVolume.State.DETACHING) {
                return before;
            }
            if (!force || Clock.SYSTEM.nowNs() - deadlineNs > 0) {
                throw new BridgeException(volume.name() + " is " + words(before));
            }
            BridgedDevice device = volume.device();
            if (device != null) {
                device.fail();
            }
            sleep(LOOK_MS);
        }
    }

    /** Returns everything attached, by name. */
    public List<Attachment> attachments() {
        return volumes.values().stream()
                .map(volume -> volume.describe(parts))
                .sorted(Comparator.comparing(Attachment::name))
                .toList();
    }

    /** Detaches what nobody uses, and returns a line for each volume that stays. */
    public List<String> drain() {
        List<String> staying = new ArrayList<>();
        for (String name : List.copyOf(volumes.keySet())) {
            try {
                detach(name, false);
            } catch (IOException e) {
                staying.add(e.getMessage());
            }
        }
        return staying;
    }

    /**
     * Ends the bridge without removing a device: no more requests are fetched, those in flight get up to five seconds.
     *
     * @return the last line for the operator: what stays, and how to go on
     */
    public String stop() {
        stopping = true;
        List<AttachedVolume> left = List.copyOf(volumes.values());
        List<BridgedDevice> devices = left.stream()
                .map(AttachedVolume::device)
                .filter(device -> device != null)
                .toList();
        CountDownLatch drained = new CountDownLatch(devices.size());
        for (BridgedDevice device : devices) {
            parts.loops().control().execute(() -> device.quiesce(drained::countDown));
        }
        boolean all = false;
        try {
            all = drained.await(STOP_SECONDS, TimeUnit.SECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        if (left.isEmpty()) {
            return "bridge stopped; no device was left";
        }
        String disks = String.join(
                ", ",
                left.stream()
                        .map(volume -> volume.name() + " (/dev/" + volume.disk() + ")")
                        .sorted()
                        .toList());
        return "bridge stopped; devices stay and their applications wait: " + disks
                + (all ? "" : "; some requests were in flight and will be sent again")
                + ". Start the bridge again to go on, or 'ashlar detach' then to remove them";
    }

    /**
     * Ends threads and loops; after {@link #stop}. Devices and volumes are let go as a dying process would: closing the
     * volumes in good order would tell their nodes that nobody uses them.
     */
    @Override
    public void close() {
        background.shutdownNow();
        selfWatch.close();
        EpollLoop control = parts.loops().control();
        for (AttachedVolume volume : volumes.values()) {
            BridgedDevice device = volume.device();
            if (device != null) {
                control.execute(() -> device.close(() -> {}));
            }
        }
        control.eventLoop().submit(parts.loops().watch()::close).syncUninterruptibly();
        controlLoops.close();
        parts.bus().close();
        parts.vduse().close();
        try {
            parts.state().close();
        } catch (IOException e) {
            LOG.debug("closing the lock", e);
        }
    }

    /** Returns the control socket's path. */
    Path controlSocket() {
        return parts.config().controlSocket();
    }

    private static void sleep(long ms) {
        try {
            Thread.sleep(ms);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
