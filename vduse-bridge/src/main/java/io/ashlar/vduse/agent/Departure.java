package io.ashlar.vduse.agent;

import io.ashlar.base.annotation.ThreadSafe;
import io.ashlar.base.net.EpollLoop;
import io.ashlar.base.time.Clock;
import io.ashlar.vduse.device.ServedDevice;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * How a bridge leaves its devices without removing any: at its end, or for a successor that waits already. Its methods block
 * and are not called on a loop.
 */
@ThreadSafe
final class Departure {
    private static final Logger LOG = LoggerFactory.getLogger(Departure.class);
    private static final long STOP_NS = TimeUnit.SECONDS.toNanos(5);
    /** How long a handover waits for commands under way, before anything stands still. */
    private static final long SETTLE_NS = TimeUnit.SECONDS.toNanos(10);
    /** Applications stand still meanwhile; what has not been answered by then is sent again by the successor. */
    private static final long DRAIN_NS = TimeUnit.SECONDS.toNanos(2);

    private static final long FLUSH_NS = TimeUnit.SECONDS.toNanos(3);
    private static final long CLOSE_NS = TimeUnit.SECONDS.toNanos(1);
    private static final long LOOK_MS = 2;

    private final BridgeParts parts;
    private final Collection<AttachedVolume> volumes;
    private final ExecutorService background;

    /**
     * Prepares it.
     *
     * @param volumes everything attached, read when it is time
     * @param background runs what blocks, a task for each volume
     */
    Departure(BridgeParts parts, Collection<AttachedVolume> volumes, ExecutorService background) {
        this.parts = parts;
        this.volumes = volumes;
        this.background = background;
    }

    /**
     * Ends the bridge's work: attachments under way are given up, detachments may end, within five seconds; then no more
     * requests are fetched, and those in flight get five seconds.
     *
     * @return the last line for the operator
     */
    String stop() {
        endWhatIsUnderWay();
        List<AttachedVolume> left = List.copyOf(volumes);
        List<Served> served =
                left.stream().map(Served::of).filter(Served::isWhole).toList();
        boolean answered = quiesce(left, STOP_NS).isEmpty();
        if (answered) { // else a write may be acknowledged after the flush
            flush(served);
        }
        return StopReport.line(describe(left), answered);
    }

    private static List<String> describe(List<AttachedVolume> left) {
        return left.stream()
                .filter(volume -> volume.details() != null)
                .map(volume -> StopReport.device(
                        volume.name(), volume.place(), volume.details().vduse()))
                .sorted()
                .toList();
    }

    private void endWhatIsUnderWay() {
        long deadlineNs = Clock.SYSTEM.nowNs() + STOP_NS;
        boolean underWay = true;
        while (underWay && Clock.SYSTEM.nowNs() - deadlineNs < 0) {
            underWay = false;
            for (AttachedVolume volume : volumes) {
                volume.giveUp();
                ServedDevice device = volume.device();
                if (volume.isGivenUp() && device != null) {
                    device.fail(); // else the kernel would wait for its first reads
                }
                underWay |= volume.isUnderWay();
            }
            if (underWay) {
                pause();
            }
        }
    }

    /** Stops them all at once; returns the names of those that have not answered everything in flight in time. */
    private List<String> quiesce(Collection<AttachedVolume> attached, long timeoutNs) {
        Set<String> busy = ConcurrentHashMap.newKeySet();
        CountDownLatch drained = new CountDownLatch(attached.size());
        for (AttachedVolume volume : attached) {
            ServedDevice device = volume.device();
            if (device == null) {
                drained.countDown();
                continue;
            }
            busy.add(volume.name());
            parts.loops()
                    .control()
                    .execute(() -> device.quiesce(() -> {
                        busy.remove(volume.name());
                        drained.countDown();
                    }));
        }
        await(drained, timeoutNs);
        return busy.stream().sorted().toList();
    }

    private static void await(CountDownLatch latch, long timeoutNs) {
        try {
            latch.await(timeoutNs, TimeUnit.NANOSECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** So that a restart of the node's machine before the next bridge costs nothing; not waited for long, it may be away. */
    private void flush(List<Served> served) {
        List<Served> written =
                served.stream().filter(one -> !one.details.readOnly()).toList();
        EpollLoop loop = parts.loops().data().all().get(0);
        CountDownLatch ended = new CountDownLatch(written.size());
        Queue<Served> durable = new ConcurrentLinkedQueue<>();
        for (Served one : written) {
            LastFlush.submit(one.volume.device(), loop, status -> {
                if (status.isOk()) {
                    durable.add(one);
                }
                ended.countDown();
            });
        }
        await(ended, FLUSH_NS);
        for (Served one : durable) {
            new BootRecord(parts.state(), one.details.vduse(), one.volume).nothingToLose();
        }
    }

    /** What an attachment consists of at one moment. */
    private record Served(VolumeOpener.OpenedVolume volume, ServedDevice device, AttachmentRecord details) {
        static Served of(AttachedVolume attached) {
            return new Served(attached.opened(), attached.device(), attached.details());
        }

        boolean isWhole() {
            return volume != null && device != null && details != null;
        }
    }

    /** Closes the devices that are left, for the end of the process, within a second or so. */
    void close() {
        List<ServedDevice> devices = devices();
        CountDownLatch closed = new CountDownLatch(devices.size());
        for (ServedDevice device : devices) {
            parts.loops().control().execute(() -> device.close(closed::countDown));
        }
        await(closed, CLOSE_NS);
        for (EpollLoop loop : parts.loops().data().all()) { // which may have an answer for the control loop still
            loop.eventLoop().submit(() -> {}).awaitUninterruptibly(CLOSE_NS, TimeUnit.NANOSECONDS);
        }
    }

    private List<ServedDevice> devices() {
        return volumes.stream()
                .map(AttachedVolume::device)
                .filter(device -> device != null)
                .toList();
    }

    /**
     * Lets go of every volume, and of its device, as a death of this process would, but with nothing in flight if that ends soon.
     * The caller has seen to it that no command begins.
     *
     * @param stopping whether the bridge has been told to end meanwhile
     * @return what was let go of, for people
     * @throws BridgeException if a command under way does not end; then nothing has been done
     */
    List<String> letGo(BooleanSupplier stopping) throws BridgeException {
        List<AttachedVolume> taken = take(stopping);
        List<String> busy = quiesce(taken, DRAIN_NS);
        if (!busy.isEmpty()) {
            LOG.info("requests of {} are in flight still, and are left to the log", String.join(", ", busy));
        }
        List<Future<?>> farewells = new ArrayList<>();
        for (AttachedVolume volume : taken) {
            farewells.add(background.submit(() -> {
                volume.teardown().letGoInOrder();
                volume.opened(null, null, volume.details());
                return null;
            }));
        }
        for (Future<?> farewell : farewells) {
            try {
                farewell.get();
            } catch (ExecutionException e) {
                // The end of this process lets go of it: were its volume let go of before that, the driver would get
                // errors.
                LOG.error("a device was not let go of in order", e.getCause());
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }
        return describe(taken);
    }

    private List<AttachedVolume> take(BooleanSupplier stopping) throws BridgeException {
        long deadlineNs = Clock.SYSTEM.nowNs() + SETTLE_NS;
        while (true) {
            AttachedVolume busy = null;
            List<AttachedVolume> taken = new ArrayList<>();
            for (AttachedVolume volume : volumes) {
                busy = volume.takeForSuccessor() ? busy : volume;
                taken.add(volume);
            }
            if (busy == null && !stopping.getAsBoolean()) {
                return taken;
            }
            if (busy == null || stopping.getAsBoolean() || Clock.SYSTEM.nowNs() - deadlineNs >= 0) {
                volumes.forEach(AttachedVolume::giveBack);
                throw new BridgeException(
                        stopping.getAsBoolean()
                                ? "the bridge is stopping"
                                : busy.name()
                                        + " is being attached or detached, or waits for its node; try again later");
            }
            pause();
        }
    }

    private static void pause() {
        try {
            Thread.sleep(LOOK_MS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
