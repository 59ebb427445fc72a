package io.ashlar.server.registry;

import io.ashlar.base.annotation.ThreadSafe;
import io.ashlar.base.block.BlockDevice;
import io.ashlar.base.status.Status;
import io.ashlar.base.time.Clock;
import io.ashlar.protocol.message.AdminRequest;
import io.ashlar.server.metrics.StoreFigures;
import io.ashlar.store.catalogue.VolumeCatalogue;
import io.ashlar.store.catalogue.VolumeRecord;
import io.ashlar.store.file.StoreException;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import java.util.function.IntSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The way to the registry thread: every method posts, and answers come on that thread. It alone changes the catalogue,
 * opens and closes volumes, and knows who uses them. Its queue is bounded by what connections may have in flight.
 */
@ThreadSafe
public final class VolumeRegistry {
    private static final Logger LOG = LoggerFactory.getLogger(VolumeRegistry.class);

    /** How often stopping looks whether the last use has ended. */
    private static final long POLL_MS = 10;

    private final ExecutorService thread = Executors.newSingleThreadExecutor(task -> new Thread(task, "registry"));
    private final VolumeTable table;
    private final Attachments attachments;
    private final VolumeCommands commands;
    private volatile StoreFigures figures = StoreFigures.NONE;
    private volatile String ailment = "starting: its volumes are being opened";
    private volatile VolumeAilments volumeAilments = VolumeAilments.NONE;

    /** Takes over the catalogue and the files. */
    public VolumeRegistry(
            VolumeCatalogue catalogue, VolumeFiles files, NodeIdentity node, IntSupplier connections, Clock clock) {
        table = new VolumeTable(catalogue, files, clock);
        attachments = new Attachments(table);
        commands = new VolumeCommands(table, attachments, node, connections);
    }

    /** Ends what a crash interrupted and opens the volumes; requests posted from now on wait for it. */
    public void start() {
        post(table::start, () -> {});
    }

    /** Asks for a use of a volume. A refused use is forgotten; a granted one ends with {@link #close}. */
    public void open(OpenRequest request, VolumeUse use, Consumer<OpenResult> answer) {
        post(
                () -> attachments.open(request, use, answer),
                () -> answer.accept(new OpenResult.Refused(Status.INTERNAL, "internal error", null)));
    }

    /**
     * Says that nothing of a use is under way any more, and never will be.
     *
     * @param volume the name it was opened by
     * @param detach whether its attachment ends as well
     * @param answer told when that is durable
     */
    public void close(UseTicket ticket, String volume, boolean detach, Consumer<Status> answer) {
        post(() -> answer.accept(attachments.close(ticket, volume, detach)), () -> answer.accept(Status.INTERNAL));
    }

    /** Carries out a volume command. */
    public void command(AdminRequest request, Consumer<AdminOutcome> answer) {
        post(
                () -> commands.run(request, answer),
                () -> answer.accept(new AdminOutcome.Refused(Status.INTERNAL, "internal error", null)));
    }

    /** Returns how full the node is, as far as the registry answers within the time; else how full it was. */
    public StoreFigures figures(long timeoutMs) {
        CountDownLatch counted = new CountDownLatch(1);
        post(
                () -> {
                    count();
                    counted.countDown();
                },
                counted::countDown);
        try {
            if (!counted.await(timeoutMs, TimeUnit.MILLISECONDS)) {
                LOG.debug("the registry is busy, figures are old");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        return figures;
    }

    /** Looks whether disk and volumes are well, and says when it has: the ailments are fresh then. */
    public void look(Runnable answer) {
        post(
                () -> {
                    ailment = findAilment();
                    volumeAilments = table.ailments();
                    answer.run();
                },
                answer);
    }

    /**
     * Returns why the disk is not well, or an empty text; as old as the last {@link #look}. Until the first has been done, to
     * which it comes when the volumes have been opened, it says that the node is starting.
     */
    public String ailment() {
        return ailment;
    }

    /** Returns what is the matter with single volumes; as old as the last {@link #look}. */
    public VolumeAilments volumeAilments() {
        return volumeAilments;
    }

    private String findAilment() {
        try {
            table.files().freeBytes();
            return "";
        } catch (StoreException e) {
            return "can't tell how full the node is: " + e.getMessage();
        }
    }

    /** Counts again. Where the disk can't tell how full it is, the old bytes stay; all else is told most when it is ill. */
    private void count() {
        StoreFigures last = figures;
        long stored = last.storedBytes();
        long capacity = last.capacityBytes();
        long free = last.freeBytes();
        try {
            stored = storedBytes();
            capacity = table.files().capacityBytes();
            free = table.files().freeBytes();
        } catch (StoreException e) {
            LOG.warn("can't tell how full the node is: {}", e.getMessage());
        }
        List<VolumeRecord> volumes = table.catalogue().volumes();
        VolumeAilments ailments = table.ailments();
        figures = new StoreFigures(
                volumes.size(),
                (int) volumes.stream().filter(VolumeRecord::isAttached).count(),
                (int) table.opened().filter(table.files()::isSettling).count(),
                ailments.degraded(),
                ailments.unopenable(),
                stored,
                capacity,
                free);
    }

    private long storedBytes() throws StoreException {
        long stored = 0;
        for (BlockDevice device : table.opened().toList()) {
            stored += table.files().storedBytes(device);
        }
        return stored;
    }

    /**
     * Has volumes that are not open yet, and what a crash left to be mended, left to the next start: requests that wait for
     * either end. Before {@link #stop}.
     */
    public void stopSoon() {
        table.stopOpening(); // at once: what is posted comes after the opening of them all
        post(table::stopSettling, () -> {});
    }

    /**
     * Waits until no use is left, then flushes and closes all volumes. Nothing must be posted any more but the ends of
     * uses.
     *
     * @return whether that was done within the time; if not, the volumes are left as a crash would leave them
     */
    public boolean stop(long timeoutMs) {
        long deadlineNs = Clock.SYSTEM.nowNs() + TimeUnit.MILLISECONDS.toNanos(timeoutMs);
        try {
            while (!isIdle()) {
                if (Clock.SYSTEM.nowNs() - deadlineNs > 0) {
                    thread.shutdown();
                    return false;
                }
                TimeUnit.MILLISECONDS.sleep(POLL_MS);
            }
            post(table::close, () -> {});
            thread.shutdown();
            return thread.awaitTermination(deadlineNs - Clock.SYSTEM.nowNs(), TimeUnit.NANOSECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return false;
        }
    }

    private boolean isIdle() throws InterruptedException {
        CountDownLatch looked = new CountDownLatch(1);
        AtomicBoolean idle = new AtomicBoolean();
        post(
                () -> {
                    idle.set(table.isIdle());
                    looked.countDown();
                },
                looked::countDown);
        return looked.await(POLL_MS, TimeUnit.MILLISECONDS) && idle.get();
    }

    /** A task that throws has a defect: it is logged, its client told, and the thread goes on. */
    private void post(Runnable task, Runnable onDefect) {
        try {
            thread.execute(() -> {
                try {
                    task.run();
                } catch (RuntimeException e) {
                    LOG.error("internal error of the registry", e);
                    onDefect.run();
                }
            });
        } catch (RejectedExecutionException e) {
            LOG.debug("the registry has stopped: {}", e.getMessage());
            onDefect.run();
        }
    }
}
