package io.ashlar.vduse.agent;

import io.ashlar.base.annotation.ThreadSafe;
import io.ashlar.base.net.EpollLoops;
import io.ashlar.base.time.Clock;
import io.ashlar.vduse.device.ServedDevice;
import io.ashlar.vduse.inflight.InflightException;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.BooleanSupplier;
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

    private static final long DRAIN_NS = TimeUnit.SECONDS.toNanos(30);
    private static final long RESUME_RETRY_MS = 1_000;
    private static final long FORCE_WAIT_NS = TimeUnit.SECONDS.toNanos(30);
    private static final long LOOK_MS = 10;

    private final BridgeParts parts;
    private final Leftovers leftovers;
    private final Map<String, AttachedVolume> volumes = new ConcurrentHashMap<>();
    private final ExecutorService background = Executors.newCachedThreadPool(task -> {
        Thread thread = new Thread(task, "bridge-background");
        thread.setDaemon(true);
        return thread;
    });
    private final SelfWatch selfWatch;
    private final Departure departure;
    private final AtomicBoolean leaving = new AtomicBoolean();
    private volatile boolean stopping;
    private volatile long successor;

    private BridgeDaemon(BridgeParts parts) {
        this.parts = parts;
        leftovers = new Leftovers(parts);
        OwnFiles files = OwnFiles.ofThisProcess(
                parts.host(), parts.config().controlSocket().toAbsolutePath().getParent());
        selfWatch = new SelfWatch(files, volumes.values());
        departure = new Departure(parts, volumes.values(), background);
    }

    /**
     * Starts the bridge, and takes over what an earlier one has left.
     *
     * @param dataLoops one pinned loop per CPU of {@link #cpusToUse}; shared with whoever opens the volumes, and the
     *     caller's to close
     * @throws IOException if another bridge runs
     */
    public static BridgeDaemon start(BridgeConfig config, EpollLoops dataLoops, VolumeOpener opener)
            throws IOException {
        StateFolder state = StateFolder.open(config.controlSocket());
        BridgeDaemon daemon = new BridgeDaemon(BridgeParts.open(config, state, dataLoops, opener));
        daemon.takeOver();
        return daemon;
    }

    /**
     * Starts the bridge in the place of the one that runs, which goes on if this one can't; where none runs, as {@link #start}
     * does.
     *
     * @param dataLoops as for {@link #start}
     * @param toStop whether this process has been told to end, by which a wait here ends
     */
    public static BridgeDaemon startInPlaceOfOther(
            BridgeConfig config, EpollLoops dataLoops, VolumeOpener opener, BooleanSupplier toStop) throws IOException {
        StateFolder state = StateFolder.unlocked(config.controlSocket());
        BridgeParts parts = BridgeParts.open(config, state, dataLoops, opener);
        try {
            new Succession(parts, toStop).takeThePlace();
        } catch (IOException | RuntimeException e) {
            parts.close();
            throw e;
        }
        BridgeDaemon daemon = new BridgeDaemon(parts);
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
        while (!stopping && volumes.get(found.name()) == found) {
            if (!found.takeForResume()) {
                AttachedVolume.State state = found.state();
                if (state != AttachedVolume.State.LEAVING && state != AttachedVolume.State.RESUMING) {
                    return;
                }
                sleep(RESUME_RETRY_MS);
                continue;
            }
            try {
                leftovers.resume(found);
                found.setState(AttachedVolume.State.ATTACHED);
                LOG.info("{} is served again as {}", found.name(), found.place());
                selfWatch.lookSoon();
                return;
            } catch (InflightException e) {
                LOG.error("{} ({}) stays as it is, its I/O waits: {}", found.name(), found.place(), e.getMessage());
                found.setState(AttachedVolume.State.ORPHAN);
                return;
            } catch (IOException | RuntimeException e) {
                if (!last.equals(e.getMessage())) {
                    last = String.valueOf(e.getMessage());
                    LOG.warn("can't serve {} ({}) yet: {}", found.name(), found.place(), last);
                }
                found.setState(AttachedVolume.State.RESUMING);
            }
            sleep(RESUME_RETRY_MS);
        }
    }

    /** Attaches a volume and returns when its block device, or its socket, is there. */
    public Attachment attach(String name, AttachWish wish) throws IOException {
        if (!NAME.matcher(name).matches()) {
            throw new BridgeException("'" + name + "' can't be the name of a volume");
        }
        refuseAtTheEnd();
        AttachedVolume mine = new AttachedVolume(name, AttachedVolume.State.ATTACHING);
        AttachedVolume other = volumes.putIfAbsent(name, mine);
        if (other != null) {
            String place = other.place();
            throw new BridgeException(name + " is " + words(other.state()) + (place == null ? "" : " as " + place));
        }
        try {
            refuseAtTheEnd(); // again: whoever ends the bridge may not have seen this one
            if (wish.socket() == null) {
                new AttachSequence(parts, mine).attach(wish.readOnly(), wish.steal());
            } else {
                new SocketSequence(parts, mine).attach(wish);
            }
        } catch (IOException | RuntimeException e) {
            volumes.remove(name, mine);
            throw e;
        }
        LOG.info("{} is {}", name, mine.place());
        selfWatch.lookSoon();
        return mine.describe(parts);
    }

    private void refuseAtTheEnd() throws BridgeException {
        if (stopping) {
            throw new BridgeException("the bridge is stopping");
        }
        if (leaving.get()) {
            throw new BridgeException("the bridge hands over to another; try again in a moment");
        }
    }

    private static String words(AttachedVolume.State state) {
        return switch (state) {
            case ATTACHING -> "being attached";
            case ATTACHED -> "attached already";
            case DETACHING -> "being detached";
            case RESUMING -> "attached already, waiting for its node,";
            case ORPHAN -> "left without its volume";
            case LEAVING -> "being handed over to another bridge";
        };
    }

    /**
     * Detaches a volume, or puts aside what nobody can read of one, which is known by its device's name.
     *
     * @param force whether to do so under its users, and with its node away: their I/O ends with errors
     */
    public Detachment detach(String name, boolean force) throws IOException {
        refuseAtTheEnd();
        AttachedVolume volume = volumes.get(name);
        if (volume == null) {
            return leftovers.putAside(name, force, volumes.values());
        }
        DetachSequence sequence = new DetachSequence(parts, volume);
        AttachedVolume.State before = take(volume, force);
        Detachment ended;
        try {
            ended = Leftovers.isOne(volume) ? leftovers.remove(volume) : sequence.detach(force);
        } catch (IOException | RuntimeException e) {
            boolean isServed = before == AttachedVolume.State.ATTACHED && !force; // by which its I/O fails for good
            volume.setState(isServed ? before : AttachedVolume.State.ORPHAN);
            throw e;
        }
        parts.state().delete(volume.details().vduse());
        volumes.remove(name, volume);
        LOG.info(ended.text(name));
        return ended;
    }

    /** Makes the volume this thread's. With force, whoever has it is made to hurry: its I/O ends with errors. */
    private AttachedVolume.State take(AttachedVolume volume, boolean force) throws IOException {
        long deadlineNs = Clock.SYSTEM.nowNs() + FORCE_WAIT_NS;
        ServedDevice failed = null;
        while (true) {
            AttachedVolume.State before = volume.takeForDetach(force);
            boolean waits = before == AttachedVolume.State.RESUMING || before == AttachedVolume.State.ORPHAN;
            if (waits && !force) {
                throw new BridgeException(volume.name() + " is " + words(before)
                        + " and may be in use; '--force' detaches" + " it all the same");
            }
            if (before == AttachedVolume.State.LEAVING) {
                throw new BridgeException(volume.name() + " is " + words(before));
            }
            if (before != AttachedVolume.State.ATTACHING && before != AttachedVolume.State.DETACHING) {
                return before;
            }
            if (volumes.get(volume.name()) != volume) {
                throw new BridgeException(volume.name() + " is not attached");
            }
            if (!force || Clock.SYSTEM.nowNs() - deadlineNs > 0) {
                throw new BridgeException(volume.name() + " is " + words(before));
            }
            ServedDevice device = volume.device();
            if (device != null && device != failed) {
                failed = device;
                new DetachSequence(parts, volume).fail(device);
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

    /** Returns what there is to measure of everything attached, by name. */
    public List<VolumeFigures> figures() {
        return volumes.values().stream()
                .map(AttachedVolume::figures)
                .sorted(Comparator.comparing(VolumeFigures::volume))
                .toList();
    }

    /** Returns whether the bridge has been told to stop. */
    public boolean isStopping() {
        return stopping;
    }

    /**
     * Detaches what nobody uses, all at once, and returns a line for each volume that stays. One that has to flush to a node
     * that is away stays for the time being.
     */
    public List<String> drain() {
        Map<String, Future<?>> detachments = new TreeMap<>();
        for (String name : volumes.keySet()) {
            detachments.put(name, background.submit(() -> {
                detach(name, false);
                return null;
            }));
        }
        long deadlineNs = Clock.SYSTEM.nowNs() + DRAIN_NS;
        List<String> staying = new ArrayList<>();
        detachments.forEach((name, detachment) -> {
            try {
                detachment.get(Math.max(0, deadlineNs - Clock.SYSTEM.nowNs()), TimeUnit.NANOSECONDS);
            } catch (ExecutionException e) {
                staying.add(e.getCause().getMessage());
            } catch (TimeoutException e) {
                staying.add(name + " is being detached, but its node does not answer; '--force' does not wait for it");
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                staying.add(name + " is being detached");
            }
        });
        return staying;
    }

    /**
     * Ends the bridge without removing a device that anybody has been told of. Attachments under way are given up,
     * detachments may end, within five seconds; then no more requests are fetched, and those in flight get five seconds.
     *
     * @return the last line for the operator: what stays, and how to go on
     */
    public String stop() {
        stopping = true;
        synchronized (departure) {
            return successor == 0 ? departure.stop() : StopReport.handedOver(successor);
        }
    }

    /**
     * Lets go of all devices for a successor that waits: no more requests are fetched, those in flight get two seconds, and what
     * is left of them is in the log. From then on nothing but {@link #takeBack} or the end of the bridge makes sense.
     *
     * @return the devices, for people
     * @throws BridgeException if that can't be now; the bridge goes on undisturbed
     */
    List<String> handOver() throws BridgeException {
        if (!leaving.compareAndSet(false, true)) {
            throw new BridgeException("the bridge hands over to another already");
        }
        try {
            synchronized (departure) {
                return departure.letGo(() -> stopping);
            }
        } catch (BridgeException e) {
            leaving.set(false);
            throw e;
        }
    }

    /** Remembers that the successor has taken the devices: only the end is left. */
    void handedOver(long pid) {
        successor = pid;
    }

    /** Returns the process that has taken the devices over, or 0. */
    public long successor() {
        return successor;
    }

    /** Goes on as if there had been no handover: the successor has not come. */
    void takeBack() throws IOException {
        synchronized (departure) { // what stops is about to end its threads and loops
            if (!stopping) {
                volumes.clear();
                takeOver();
                leaving.set(false);
            }
        }
    }

    /**
     * Ends threads and loops; after {@link #stop}. Devices and volumes are let go as a dying process would: closing the
     * volumes in good order would tell their nodes that nobody uses them.
     */
    @Override
    public void close() {
        background.shutdownNow();
        selfWatch.close();
        departure.close();
        parts.close();
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
