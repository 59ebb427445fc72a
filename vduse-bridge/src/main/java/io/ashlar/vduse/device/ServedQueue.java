package io.ashlar.vduse.device;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.net.EpollLoop;
import io.ashlar.base.sys.Errno;
import io.ashlar.vduse.blk.QueueCounters;
import io.ashlar.vduse.blk.QueueEvents;
import io.ashlar.vduse.blk.QueueFigure;
import io.ashlar.vduse.blk.StopMode;
import io.ashlar.vduse.blk.VirtioBlkConfig;
import io.ashlar.vduse.blk.VirtioBlkQueue;
import io.ashlar.vduse.inflight.QueueRegion;
import io.ashlar.vduse.vring.SplitVirtqueue;
import io.ashlar.vduse.vring.VringException;
import io.ashlar.vduse.vring.VringFault;
import io.ashlar.vduse.vring.VringLayout;
import io.ashlar.vduse.vring.VringOptions;
import io.ashlar.vduse.vring.VringPosition;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One virtqueue on one loop, from its start to its stop: its memory, its kick eventfd in the loop's epoll, its engine
 * and its interrupts. A queue that moves ends here and begins as another instance there. All methods are called on the
 * loop.
 */
@ConfinedTo(LoopKind.DATA)
public final class ServedQueue implements QueueEvents {
    private static final Logger LOG = LoggerFactory.getLogger(ServedQueue.class);
    private static final long CALL_RETRY_NS = 1_000_000;

    /**
     * What a queue shares with its siblings.
     *
     * @param name the device's name, for messages
     * @param port kicks and calls
     */
    public record Shared(String name, QueuePort port, Iotlb iotlb, GatedDevice volume) {}

    /**
     * What the driver has set up.
     *
     * @param log what is in flight, for a successor; valid
     * @param takenOver whether another process has served the driver before this one, or may have
     */
    public record Setup(QueueInfo info, long features, QueueRegion log, boolean takenOver, VirtioBlkConfig config) {}

    private final Shared shared;
    private final int index;
    private final EpollLoop loop;
    private final QueueCounters counters;
    private final MemoryView memory;

    private Setup setup;
    private VirtioBlkQueue engine;
    private EpollRegistration kick;
    private int kickFd = -1;
    private boolean serving;
    private boolean callsEnded;
    private boolean callRetryPending;
    private boolean drained;

    ServedQueue(Shared shared, int index, EpollLoop loop, QueueCounters counters) {
        this.counters = counters;
        this.shared = shared;
        this.index = index;
        this.loop = loop;
        memory = new MemoryView(shared.iotlb());
    }

    /**
     * Opens the rings where the log says that they were left; submits nothing yet. Returns null, or why it can't be served:
     * then nothing has been changed.
     */
    Exception open(Setup newSetup) {
        setup = newSetup;
        QueueInfo info = setup.info();
        try {
            VringLayout layout = info.layout();
            VringOptions options = VringOptions.of(setup.features());
            SplitVirtqueue vring = SplitVirtqueue.recover(layout, options, memory.map(), setup.log());
            engine = new VirtioBlkQueue(loop, shared.volume(), setup.config(), vring, memory.map(), this, counters);
            counters.set(QueueFigure.BROKEN, 0);
            kickFd = shared.port().openKick(index);
            kick = EpollRegistration.register(loop, kickFd, ops -> onKick());
        } catch (VringException | IOException | IllegalArgumentException e) {
            stop(StopMode.ABANDON, position -> {});
            return e;
        }
        return null;
    }

    /** Submits again what was in flight when the rings were left. */
    void resubmit() {
        int count = engine == null ? 0 : engine.resubmit();
        if (count > 0) {
            LOG.info("{}: virtqueue {}: {} requests that were in flight are served again", shared.name(), index, count);
        }
    }

    /** Serves what was offered before, and from now on what is new. */
    void serve() {
        if (kick == null) {
            return; // stopped meanwhile
        }
        serving = true;
        if (setup.takenOver()) {
            call(); // for what was published, perhaps without a call
        }
        // Kicks before now went nowhere, or to a predecessor's eventfd.
        engine.onKick();
    }

    private void onKick() {
        if (serving) {
            counters.add(QueueFigure.KICKS, 1);
            engine.onKick();
        }
    }

    /**
     * Stops fetching at once.
     *
     * @param whenDrained gets, when nothing is in flight any more and perhaps before this returns, how far the queue has been
     *     worked; null if it never was
     * @return the memory of writes that are still in flight
     */
    List<Iotlb.MemoryRange> stop(StopMode mode, Consumer<VringPosition> whenDrained) {
        callsEnded |= mode == StopMode.ABANDON;
        if (kick != null) {
            kick.cancel();
            kick = null;
        }
        if (kickFd >= 0) {
            shared.port().closeKick(index, kickFd);
            kickFd = -1;
        }
        if (engine == null) {
            onDrained();
            whenDrained.accept(null);
            return List.of();
        }
        engine.stop(mode, () -> {
            onDrained();
            whenDrained.accept(engine.position());
        });
        List<Iotlb.MemoryRange> writes = new ArrayList<>();
        if (!drained) {
            engine.forEachWriteInFlight(data -> {
                for (int i = 0; i < data.count(); i++) {
                    long address = data.memory(i).memoryAddress() + data.offset(i);
                    writes.add(new Iotlb.MemoryRange(address, data.length(i)));
                }
            });
        }
        return writes;
    }

    private void onDrained() {
        if (!drained) {
            drained = true;
            memory.release();
        }
    }

    @Override
    public void call() {
        if (callsEnded) {
            return;
        }
        int result = shared.port().call(index);
        if (!drained) { // else the counters are the next loop's already
            counters.add(result < 0 ? QueueFigure.INTERRUPTS_REFUSED : QueueFigure.INTERRUPTS, 1);
        }
        if (result < 0) {
            onCallRefused(result);
        }
    }

    /**
     * The kernel marks the driver as running only after it has had our answer, so the first call can come too early; a
     * call that is lost would leave the driver waiting for ever.
     */
    private void onCallRefused(int result) {
        if (result == -Errno.EPERM) {
            callsEnded = true; // the device is broken, which its transport reports
        } else if (!callRetryPending) {
            callRetryPending = true;
            loop.schedule(
                    () -> {
                        callRetryPending = false;
                        call();
                    },
                    CALL_RETRY_NS);
        }
    }

    @Override
    public void broken(VringFault fault) {
        counters.set(QueueFigure.BROKEN, 1);
        LOG.error(
                "{}: virtqueue {} is not served any more, its driver broke the rules: {}",
                shared.name(),
                index,
                fault.text());
        shared.port().broken(index);
    }
}
