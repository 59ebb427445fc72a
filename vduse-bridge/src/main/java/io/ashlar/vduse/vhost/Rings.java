package io.ashlar.vduse.vhost;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.sys.Linux;
import io.ashlar.vduse.blk.QueueCounters;
import io.ashlar.vduse.blk.StopMode;
import io.ashlar.vduse.blk.VirtioBlkConfig;
import io.ashlar.vduse.device.BridgedDevice;
import io.ashlar.vduse.device.Countdown;
import io.ashlar.vduse.device.GatedDevice;
import io.ashlar.vduse.device.Iotlb;
import io.ashlar.vduse.device.MemoryView;
import io.ashlar.vduse.device.QueueInfo;
import io.ashlar.vduse.device.QueueSlot;
import io.ashlar.vduse.device.QueueSpread;
import io.ashlar.vduse.device.ServedQueue;
import io.ashlar.vduse.inflight.QueueRegion;
import io.ashlar.vduse.vring.SplitVirtqueue;
import io.ashlar.vduse.vring.VringException;
import io.ashlar.vduse.vring.VringPosition;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The virtqueues of one device, from what a front end says of them to loops that serve them. A ring is served when its size, addresses
 * and kick are known, and it is enabled; the specification's "Ring states". Callbacks run on the control loop.
 */
@ConfinedTo(LoopKind.CONTROL)
final class Rings {
    private static final Logger LOG = LoggerFactory.getLogger(Rings.class);

    private final String name;
    private final GuestMemory memory;
    private final Iotlb iotlb;
    private final EventLines lines;
    private final List<Ring> rings = new ArrayList<>();
    private final List<QueueSlot> slots = new ArrayList<>();
    private final QueueSpread spread;
    /** For rings that the front end keeps no log of; null where there has been no need. */
    private final List<QueueRegion> ownLogs = new ArrayList<>();
    /** Null where the front end keeps none. */
    private KeptLog keptLog;

    private VirtioBlkConfig config;
    private long features;
    /** Counts how often all has been given up: what was under way then has no sequel. */
    private int generation;

    private int draining;
    private boolean quiesced;
    private Runnable whenAllDrained = () -> {};

    Rings(String name, VirtioBlkConfig config, GatedDevice volume, BridgedDevice.Loops loops, Closer closer) {
        this.name = name;
        this.config = config;
        memory = new GuestMemory(closer);
        iotlb = new Iotlb(memory);
        lines = new EventLines(loops.control(), loops.data(), config.queueCount());
        ServedQueue.Shared shared = new ServedQueue.Shared(name, lines, iotlb, volume);
        for (int i = 0; i < config.queueCount(); i++) {
            rings.add(new Ring());
            ownLogs.add(null);
            slots.add(new QueueSlot(shared, loops.control(), loops.data(), i));
        }
        spread = new QueueSpread(name, loops, AnyCpu.INSTANCE, slots);
    }

    int count() {
        return rings.size();
    }

    /** A ring, whose description the caller may change. */
    Ring get(int i) throws IOException {
        if (i < 0 || i >= rings.size()) {
            throw new IOException("ring " + Integer.toUnsignedString(i) + " of " + rings.size());
        }
        return rings.get(i);
    }

    GuestMemory memory() {
        return memory;
    }

    EventLines lines() {
        return lines;
    }

    List<QueueCounters> counters() {
        return slots.stream().map(QueueSlot::counters).toList();
    }

    List<Integer> cpus() {
        return slots.stream().map(QueueSlot::cpu).toList();
    }

    void setConfig(VirtioBlkConfig newConfig) {
        config = newConfig;
    }

    /** Sets what the driver has accepted; it holds from the next start of a ring on. */
    void setFeatures(long newFeatures) {
        features = newFeatures;
    }

    boolean isServed(int i) {
        return slots.get(i).state() != QueueSlot.State.IDLE;
    }

    /** Starts to serve a ring if all is known that has to be; {@code whenDone} gets null, or why it can't be served. */
    void startIfReady(int i, Consumer<String> whenDone) {
        Ring ring = rings.get(i);
        if (quiesced || isServed(i) || !ring.isComplete() || !ring.isEnabled() || !lines.hasKick(i)) {
            whenDone.accept(null);
            return;
        }
        ServedQueue.Setup setup;
        try {
            setup = setup(i);
        } catch (IOException | VringException e) {
            whenDone.accept("can't serve ring " + i + ": " + e.getMessage());
            return;
        }
        ring.unsettle();
        QueueSlot slot = slots.get(i);
        slot.open(setup, spread.place(i), refusal -> {
            if (refusal == null) {
                slot.resubmit(() -> {
                    slot.serve();
                    whenDone.accept(null);
                });
            } else {
                spread.forget(i);
                whenDone.accept("can't serve ring " + i + ": " + refusal.getMessage());
            }
        });
        spread.writeMasks();
    }

    /**
     * Where a log tells of the ring, that and the used ring say where to go on, and the base means nothing. Else nothing is in
     * flight, and the log begins.
     */
    private ServedQueue.Setup setup(int i) throws IOException, VringException {
        Ring ring = rings.get(i);
        QueueInfo info = ring.toInfo(memory);
        QueueRegion kept = keptLog == null ? null : keptLog.region(i);
        QueueRegion log = kept == null ? ownLog(i, ring.size()) : kept;
        boolean known = log.isValid();
        if (!known) {
            begin(log, ring, info);
        }
        return new ServedQueue.Setup(info, features, log, known, config);
    }

    private QueueRegion ownLog(int i, int ringSize) {
        QueueRegion log = ownLogs.get(i);
        if (log == null || log.capacity() < ringSize) {
            log = QueueRegion.ofThisProcess(ringSize);
            ownLogs.set(i, log);
        }
        return log;
    }

    /** The front end says where a ring begins, and by that, if it keeps no log, that nothing of it is in flight. */
    void forgetOwnLog(int i) {
        ownLogs.set(i, null);
    }

    /** A base elsewhere would leave out requests that nobody has answered, or do some again that somebody has. */
    private void begin(QueueRegion log, Ring ring, QueueInfo info) throws IOException, VringException {
        MemoryView view = new MemoryView(iotlb);
        try {
            int used = SplitVirtqueue.usedIndex(info.layout(), view.map());
            if (used != ring.base()) {
                throw new IOException("it is to go on at " + ring.base() + ", but " + used
                        + " requests have been answered, and no log says what is in flight");
            }
            if (log.capacity() < ring.size()) {
                throw new IOException("the log of requests in flight is for rings of " + log.capacity());
            }
            log.reset(ring.size(), used);
        } finally {
            view.release();
        }
    }

    /** Takes a log that the front end keeps, for good or for ill. */
    void keepLog(KeptLog log) throws IOException {
        if (quiesced || slots.stream().anyMatch(slot -> slot.state() != QueueSlot.State.IDLE)) {
            log.close();
            throw new IOException("a log of requests in flight for rings in use");
        }
        dropKeptLog();
        keptLog = log;
    }

    /** Gives the front end's log back as it is; no ring is served any more. */
    void dropKeptLog() {
        if (keptLog != null) {
            keptLog.close();
        }
        keptLog = null;
    }

    /** The driver has been reset: what was in flight is nobody's; no ring is served any more. */
    void forgetInFlight() {
        if (keptLog != null) {
            keptLog.forget();
        }
    }

    /**
     * Lets a ring end what is in flight, and stops it.
     *
     * @param whenDrained runs when nothing of it touches memory any more, with whether all has been given up meanwhile
     */
    private void drain(int i, Consumer<Boolean> whenDrained) {
        if (isServed(i)) {
            end(i, whenDrained);
        } else {
            whenDrained.accept(false);
        }
    }

    /** The same, and waits for what is in flight of a ring that has been stopped already. */
    private void end(int i, Consumer<Boolean> whenDrained) {
        int now = generation;
        stopSlot(i, StopMode.DRAIN, writes -> {}, position -> {
            if (now == generation) { // else the ring may be another front end's
                rings.get(i).setBaseTo(position);
            }
            whenDrained.accept(now != generation);
        });
    }

    private void stopSlot(
            int i, StopMode mode, Consumer<List<Iotlb.MemoryRange>> whenStopped, Consumer<VringPosition> whenDrained) {
        spread.forget(i);
        draining++;
        slots.get(i).stop(mode, whenStopped, position -> {
            draining--;
            whenDrained.accept(position);
            if (draining == 0) {
                whenAllDrained.run();
            }
        });
    }

    /** Stops a ring, which needs another kick to start again; {@code whenDone} does not run if all is given up before. */
    void stop(int i, Runnable whenDone) {
        drain(i, givenUp -> {
            if (!givenUp) {
                endLog(i);
                lines.setKick(i, -1);
                whenDone.run();
            }
        });
    }

    /**
     * With nothing in flight the base says all: the ring may start again anywhere, of any size. What was in flight of a ring that
     * has never started here still is.
     */
    private void endLog(int i) {
        if (!rings.get(i).isSettled()) {
            return;
        }
        QueueRegion log = keptLog == null ? null : keptLog.region(i);
        QueueRegion ended = log == null ? ownLogs.get(i) : log;
        if (ended != null) {
            ended.invalidate();
        }
    }

    /** Stops a ring that is disabled; it starts again when it is enabled. */
    void disable(int i, Runnable whenDone) {
        rings.get(i).setEnabled(false);
        drain(i, givenUp -> whenDone.run());
    }

    /** Takes over the eventfd for a ring's kicks, and starts the ring if it is ready. */
    void setKick(int i, int fd, Consumer<String> whenDone) {
        drain(i, givenUp -> {
            if (givenUp) {
                Linux.close(fd);
            } else {
                lines.setKick(i, fd);
                startIfReady(i, whenDone);
            }
        });
    }

    /** Takes up new addresses of a ring, also while it is served. */
    void move(int i, Consumer<String> whenDone) {
        drain(i, givenUp -> startIfReady(i, whenDone));
    }

    /**
     * Replaces the memory. Rings are interrupted only if something that they may use goes away.
     *
     * @param added regions of the table that are new: closed if all is given up before they are taken
     * @param whenDone gets null, or what could not be done
     */
    void setMemory(List<GuestMemory.Region> table, List<GuestMemory.Region> added, Consumer<String> whenDone) {
        if (memory.areKeptBy(table)) {
            memory.replace(table);
            whenDone.accept(null);
            return;
        }
        List<Integer> served = new ArrayList<>();
        Countdown<Boolean> drains = new Countdown<>(givenUp -> {
            if (givenUp.contains(true)) {
                memory.discard(added);
                return;
            }
            iotlb.forget(0, -1);
            memory.replace(table);
            Countdown<String> starts =
                    new Countdown<>(refusals -> whenDone.accept(refusals.isEmpty() ? null : refusals.get(0)));
            for (int i : served) {
                starts.expect();
                startIfReady(i, starts::arrived);
            }
            starts.armed();
        });
        for (int i = 0; i < rings.size(); i++) {
            if (isServed(i)) {
                served.add(i);
                drains.expect();
                drain(i, drains::arrived);
            }
        }
        drains.armed();
    }

    /** Stops all rings for good, after what is in flight has ended. */
    void quiesce(Runnable whenDrained) {
        quiesced = true;
        Countdown<Boolean> drains = new Countdown<>(ignored -> whenDrained.run());
        for (int i = 0; i < rings.size(); i++) {
            drains.expect();
            end(i, drains::arrived);
        }
        drains.armed();
    }

    boolean hasMemoryVanished() {
        return iotlb.hasVanished() || (keptLog != null && keptLog.hasVanished());
    }

    /** Gives all rings up, as the driver has: requests in flight are cut off its memory, and end later. All is forgotten. */
    void abandon(Runnable whenStopped) {
        generation++;
        Countdown<List<Iotlb.MemoryRange>> stops = new Countdown<>(writes -> {
            sever(writes);
            rings.forEach(Ring::reset);
            ownLogs.replaceAll(old -> null);
            lines.clear();
            whenStopped.run();
        });
        for (int i = 0; i < rings.size(); i++) {
            stops.expect();
            stopSlot(i, StopMode.ABANDON, stops::arrived, position -> {});
        }
        stops.armed();
    }

    private void sever(List<List<Iotlb.MemoryRange>> writes) {
        try {
            iotlb.sever(writes.stream().flatMap(List::stream).toList());
        } catch (IOException e) {
            LOG.error("{}: {}", name, e.getMessage());
        }
    }

    /** Runs the callback when nothing is in flight any more, of earlier front ends neither. */
    void whenAllDrained(Runnable callback) {
        if (draining == 0) {
            callback.run();
        } else {
            Runnable before = whenAllDrained;
            whenAllDrained = () -> {
                before.run();
                callback.run();
            };
        }
    }

    /** Ends everything; nobody asks for anything any more. */
    void close() {
        spread.forget();
        memory.replace(List.of());
    }
}
