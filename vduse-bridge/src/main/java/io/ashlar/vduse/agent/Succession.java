package io.ashlar.vduse.agent;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.time.Clock;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * How a bridge takes the place of the one that runs. All that can fail is tried before that one is asked; until it has answered,
 * and has heard that the answer arrived, it goes on if anything fails here. Then its lock says when the devices are free:
 *
 * <pre>
 *   this bridge                            the one that runs
 *   classes, records, volumes checked
 *   handover ─────────────────────────►    no more commands; nothing fetched; devices and volumes let go
 *                     ◄──────────────────  the devices' names
 *   taken ────────────────────────────►    control socket and lock let go; ends
 *   lock taken, devices as after a crash
 * </pre>
 *
 * Blocks; not to be called on a loop.
 */
@ConfinedTo(LoopKind.OWNER)
final class Succession {
    private static final Logger LOG = LoggerFactory.getLogger(Succession.class);
    private static final long LOOK_MS = 2;

    /**
     * How long to wait.
     *
     * @param knockNs for a control socket, while some bridge has the lock and none answers: one may be starting
     * @param answerNs for the answer: commands under way, and requests in flight, may end
     * @param lockNs for the lock of a bridge that is about to end
     */
    record Limits(long knockNs, long answerNs, long lockNs) {
        static final Limits REAL =
                new Limits(TimeUnit.SECONDS.toNanos(10), TimeUnit.SECONDS.toNanos(60), TimeUnit.SECONDS.toNanos(30));
    }

    private final BridgeParts parts;
    private final Limits limits;

    Succession(BridgeParts parts) {
        this(parts, Limits.REAL);
    }

    Succession(BridgeParts parts, Limits limits) {
        this.parts = parts;
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
        OwnClasses.loadAll();
        checkRecords();
        try (BridgeClient running = knock(socket)) {
            if (running != null) {
                ask(running);
            }
        }
    }

    /** A bridge that can't go on with what the other one serves should not begin. */
    private void checkRecords() throws IOException {
        for (String vduse : parts.state().recorded()) {
            try {
                AttachmentRecord details = parts.state().load(vduse);
                if (details != null) { // else it has been detached meanwhile
                    check(details);
                }
            } catch (IOException e) {
                throw notHandedOver(e.getMessage());
            }
        }
    }

    private void check(AttachmentRecord details) throws IOException {
        if (!details.isVhostUser()) {
            parts.vduse().check();
            AttachSequence.logOf(parts, details);
        }
        parts.opener().check(details.volume(), UUID.fromString(details.id()));
    }

    private static BridgeException notHandedOver(String why) {
        return new BridgeException("no handover, the bridge that runs goes on: " + why);
    }

    /** Returns a connection, or null with the lock taken: the other one has ended by itself. */
    private BridgeClient knock(Path socket) throws IOException {
        long deadlineNs = Clock.SYSTEM.nowNs() + limits.knockNs;
        while (true) {
            try {
                return BridgeClient.connect(socket);
            } catch (BridgeException e) {
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
                running.taken();
            }
        } catch (BridgeException e) {
            throw notHandedOver(e.getMessage());
        } catch (IOException e) {
            LOG.debug("the connection to the bridge that ran", e);
            devices = null;
        }
        if (!awaitLock(devices == null ? limits.knockNs : limits.lockNs)) {
            throw new BridgeException(
                    devices == null
                            ? "no handover: the bridge that runs has not answered, and goes on"
                            : "the bridge that ran has let go of its devices but does not end; end it with kill -9,"
                                    + " and start this one again: applications wait");
        }
        if (devices == null) {
            LOG.warn("the bridge that ran has ended in the middle of the handover; going on as after a crash");
        } else {
            LOG.info(
                    "handed over {} ms after it was asked for: {}",
                    TimeUnit.NANOSECONDS.toMillis(Clock.SYSTEM.nowNs() - askedNs),
                    devices.isEmpty() ? "no device" : String.join(", ", devices));
        }
    }

    private boolean awaitLock(long timeoutNs) throws IOException {
        long deadlineNs = Clock.SYSTEM.nowNs() + timeoutNs;
        while (!parts.state().tryLock()) {
            if (Clock.SYSTEM.nowNs() - deadlineNs >= 0) {
                return false;
            }
            pause();
        }
        return true;
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
