package io.ashlar.vduse.agent;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.time.Clock;
import io.ashlar.vduse.inflight.InflightException;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.UUID;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.BooleanSupplier;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * How a bridge takes the place of the one that runs. All that can fail is tried before that one is asked; until it has answered,
 * and has heard that the answer arrived, it goes on if anything fails here. Then its lock says when the devices are free:
 *
 * <pre>
 *   this bridge                            the one that runs
 *   list ─────────────────────────────►
 *                     ◄──────────────────  what it serves
 *   classes, records, volumes checked
 *   handover ─────────────────────────►    no more commands; nothing fetched; devices and volumes let go
 *                     ◄──────────────────  the devices' names
 *   taken ────────────────────────────►    control socket and lock let go; ends
 *   lock taken, devices as after a crash
 * </pre>
 *
 * Blocks; not to be called on a loop. The work is done by a thread of its own, so that the one that called can end it.
 */
@ConfinedTo(LoopKind.OWNER)
final class Succession {
    private static final Logger LOG = LoggerFactory.getLogger(Succession.class);
    private static final long LOOK_MS = 2;
    /** What a thread that is told to end may take for it; a class that is being loaded is waited for. */
    private static final long END_MS = 2_000;

    /**
     * How long to wait.
     *
     * @param knockNs for a control socket, while some bridge has the lock and none answers: one may be starting
     * @param checkNs for all that can fail to be tried: records, and volumes at their nodes
     * @param answerNs for an answer: commands under way, and requests in flight, may end
     * @param lockNs for the lock of a bridge that is about to end
     */
    record Limits(long knockNs, long checkNs, long answerNs, long lockNs) {
        static final Limits REAL = new Limits(
                TimeUnit.SECONDS.toNanos(10),
                TimeUnit.SECONDS.toNanos(90),
                TimeUnit.SECONDS.toNanos(60),
                TimeUnit.SECONDS.toNanos(30));
    }

    /** A look at everything that has to be there, while it lasts. */
    private static final class Check {
        private final long endNs;
        private volatile String volume = "";
        private final AtomicBoolean decided = new AtomicBoolean();

        private Check(long endNs) {
            this.endNs = endNs;
        }

        /** Returns whether the caller is the one who says how it has ended: with all well, or in no time. */
        boolean decide() {
            return decided.compareAndSet(false, true);
        }

        boolean isOverdue() {
            return Clock.SYSTEM.nowNs() - endNs >= 0 && decide();
        }
    }

    /** A connection to the bridge that runs, and what it had at that time. */
    private record Running(BridgeClient client, List<Attachment> attachments) {}

    private final BridgeParts parts;
    private final BooleanSupplier stopping;
    private final Limits limits;
    private volatile boolean taken;
    /** Null before it begins. */
    private volatile Check looking;

    /**
     * Prepares it.
     *
     * @param stopping whether this process has been told to end
     */
    Succession(BridgeParts parts, BooleanSupplier stopping) {
        this(parts, stopping, Limits.REAL);
    }

    Succession(BridgeParts parts, BooleanSupplier stopping, Limits limits) {
        this.parts = parts;
        this.stopping = stopping;
        this.limits = limits;
    }

    /**
     * Takes the place; on return the lock is ours, and no other bridge serves anything.
     *
     * @throws IOException in one sentence; the bridge that runs goes on, if it could
     */
    void takeThePlace() throws IOException {
        Path socket = parts.config().controlSocket();
        if (parts.state().tryLock()) {
            LOG.info("no bridge runs with the control socket {}: nothing to hand over, starting as usual", socket);
            return;
        }
        FutureTask<Void> work = new FutureTask<>(() -> {
            takeThePlaceOf(socket);
            return null;
        });
        Thread worker = new Thread(work, "handover");
        worker.setDaemon(true);
        worker.start();
        try {
            await(work);
        } finally {
            worker.interrupt();
            join(worker);
        }
    }

    private void await(FutureTask<Void> work) throws IOException {
        while (true) {
            try {
                work.get(LOOK_MS, TimeUnit.MILLISECONDS);
                return;
            } catch (TimeoutException e) {
                if (looking != null && looking.isOverdue()) {
                    String last = looking.volume;
                    throw notHandedOver("it took too long to make sure of what is attached here"
                            + (last.isEmpty() ? "" : "; the last was " + last + ", whose node may be away"));
                }
                if (stopping.getAsBoolean()) {
                    throw taken
                            ? new BridgeException("told to stop; the devices had been taken over already, and wait for"
                                    + " the next bridge")
                            : notHandedOver("told to stop");
                }
            } catch (ExecutionException e) {
                throw Teardown.asIoException("take the place of the bridge that runs", e.getCause());
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new BridgeException("interrupted", e);
            }
        }
    }

    private static void join(Thread worker) {
        try {
            worker.join(END_MS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private void takeThePlaceOf(Path socket) throws IOException {
        Running running = knock(socket);
        if (running == null) {
            return;
        }
        try (BridgeClient client = running.client()) {
            OwnClasses.loadAll();
            looking = new Check(Clock.SYSTEM.nowNs() + limits.checkNs);
            checkRecords(running.attachments());
            if (!looking.decide()) {
                return; // too late, and somebody has said so
            }
            if (stopping.getAsBoolean()) { // the interrupt may have been lost in a check
                throw notHandedOver("told to stop");
            }
            ask(client);
        }
    }

    /**
     * A bridge that can't go on with what the other one serves should not begin. What that one does not serve either can get no
     * worse: records of devices that are gone, or that nobody can read, and orphans.
     */
    private void checkRecords(List<Attachment> attachments) throws IOException {
        Set<String> orphans = namesOf(attachments, AttachedVolume.State.ORPHAN);
        Set<String> unrecorded = namesOf(attachments, AttachedVolume.State.ATTACHED);
        unrecorded.addAll(namesOf(attachments, AttachedVolume.State.RESUMING));
        List<String> unreadable = new ArrayList<>();
        for (String vduse : parts.state().recorded()) {
            AttachmentRecord details;
            try {
                details = parts.state().load(vduse);
            } catch (IOException e) {
                unreadable.add(vduse + ".json: " + e.getMessage());
                continue;
            }
            boolean matters = details != null && !details.isOfGoneDevice();
            if (matters && !orphans.contains(details.volume())) {
                check(details);
                unrecorded.remove(details.volume());
            }
        }
        if (!unrecorded.isEmpty()) {
            throw notHandedOver("no record says what " + String.join(", ", unrecorded)
                    + " is attached as; detach it, and attach it again"
                    + (unreadable.isEmpty() ? "" : " (" + String.join("; ", unreadable) + ")"));
        }
        unreadable.forEach(why -> LOG.warn("a record of nothing that is served: {}", why));
    }

    private static Set<String> namesOf(List<Attachment> attachments, AttachedVolume.State state) {
        return attachments.stream()
                .filter(attachment -> state.text().equals(attachment.state()))
                .map(Attachment::name)
                .collect(Collectors.toCollection(TreeSet::new));
    }

    private void check(AttachmentRecord details) throws BridgeException {
        looking.volume = details.volume();
        try {
            if (!details.isVhostUser()) {
                parts.vduse().check();
                AttachSequence.logOf(parts, details);
            }
            parts.opener().check(details.volume(), UUID.fromString(details.id()));
        } catch (InflightException e) {
            throw notHandedOver(StopReport.device(details.volume(), null, details.vduse())
                    + " could not be served any more: " + e.getMessage());
        } catch (IOException e) {
            throw notHandedOver(e.getMessage());
        }
    }

    private static BridgeException notHandedOver(String why) {
        return new BridgeException("no handover, the bridge that runs goes on: " + why);
    }

    /** Returns a connection, or null with the lock taken: the other one has ended by itself. */
    private Running knock(Path socket) throws IOException {
        long deadlineNs = Clock.SYSTEM.nowNs() + limits.knockNs;
        while (true) {
            BridgeClient client = null;
            try {
                client = BridgeClient.connect(socket);
                return new Running(client, client.attachments(limits.knockNs));
            } catch (IOException e) {
                if (client != null) {
                    client.close();
                }
                if (parts.state().tryLock()) {
                    return null;
                }
                if (Clock.SYSTEM.nowNs() - deadlineNs >= 0) {
                    throw new BridgeException("a bridge runs, but does not answer: " + e.getMessage(), e);
                }
                pause();
            }
        }
    }

    private void ask(BridgeClient running) throws IOException {
        List<String> devices;
        long askedNs = Clock.SYSTEM.nowNs();
        try {
            devices = running.handOver(limits.answerNs);
            if (devices != null) {
                taken = true;
                running.taken();
            }
        } catch (BridgeException e) {
            throw notHandedOver(e.getMessage());
        } catch (IOException e) {
            LOG.debug("the connection to the bridge that ran", e);
            devices = null;
        }
        if (devices == null) {
            awaitDeath();
        } else {
            awaitEnd(running);
            LOG.info(
                    "handed over {} ms after it was asked for: {}",
                    TimeUnit.NANOSECONDS.toMillis(Clock.SYSTEM.nowNs() - askedNs),
                    devices.isEmpty() ? "no device" : String.join(", ", devices));
        }
    }

    /** It has not answered: it is dead, or it takes its devices back when this connection ends. */
    private void awaitDeath() throws IOException {
        long deadlineNs = Clock.SYSTEM.nowNs() + limits.knockNs;
        while (!parts.state().tryLock()) {
            if (Clock.SYSTEM.nowNs() - deadlineNs >= 0) {
                throw new BridgeException("no handover: the bridge that runs has not answered, and goes on");
            }
            pause();
        }
        LOG.warn("the bridge that ran has ended in the middle of the handover; going on as after a crash");
    }

    /** It ends without another word, unless it had given up waiting for one from here. */
    private void awaitEnd(BridgeClient running) throws IOException {
        long deadlineNs = Clock.SYSTEM.nowNs() + limits.lockNs;
        while (!parts.state().tryLock()) {
            if (running.hasObjected()) {
                throw notHandedOver("this process took too long to say that it has taken the devices");
            }
            if (Clock.SYSTEM.nowNs() - deadlineNs >= 0) {
                throw new BridgeException("the bridge that ran has let go of its devices but does not end; end it with"
                        + " kill -9, and start this one again: applications wait");
            }
            pause();
        }
    }

    private static void pause() throws BridgeException {
        try {
            Thread.sleep(LOOK_MS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new BridgeException("interrupted", e);
        }
    }
}
