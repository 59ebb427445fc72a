package io.ashlar.vduse.device;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.net.EpollLoop;
import io.ashlar.base.sys.Errno;
import io.ashlar.base.sys.Linux;
import io.ashlar.vduse.blk.QueueCounters;
import io.ashlar.vduse.blk.QueueEvents;
import io.ashlar.vduse.blk.QueueFigure;
import io.ashlar.vduse.blk.StopMode;
import io.ashlar.vduse.blk.VirtioBlkConfig;
import io.ashlar.vduse.blk.VirtioBlkQueue;
import io.ashlar.vduse.vring.SplitVirtqueue;
import io.ashlar.vduse.vring.VringException;
import io.ashlar.vduse.vring.VringFault;
import io.ashlar.vduse.vring.VringLayout;
import io.ashlar.vduse.vring.VringOptions;
import io.ashlar.vduse.vring.VringPosition;
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
final class ServedQueue implements QueueEvents {
    private static final Logger LOG = LoggerFactory.getLogger(ServedQueue.class);
    private static final long CALL_RETRY_NS = 1_000_000;

    /**
     * What a queue shares with its siblings.
     *
     * @param name the device's name, for messages
     * @param inOrder whether completions are published in the order of fetching
     */
    record Shared(String name, KernelDevice kernel, Iotlb iotlb, GatedDevice volume, boolean inOrder) {}

    /**
     * What the driver has set up.
     *
     * @param position where to go on, or null for behind the last element in the used ring
     */
    record Setup(QueueInfo info, long features, VringPosition position, VirtioBlkConfig config) {}

    private final Shared shared;
    private final int index;
    private final EpollLoop loop;
    private final QueueCounters counters;
    private final MemoryView memory;

    private VirtioBlkQueue engine;
    private EpollRegistration kick;
    private int eventFd = -1;
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

    /** Starts serving, and serves what was offered before. Returns null, or why it can't. */
    String start(Setup setup) {
        QueueInfo info = setup.info();
        try {
            VringLayout layout = new VringLayout(info.size(), info.descriptors(), info.available(), info.used());
            VringPosition position = setup.position() != null
                    ? setup.position()
                    : SplitVirtqueue.publishedPosition(layout, memory.map());
            VringOptions options = VringOptions.of(setup.features(), shared.inOrder());
            SplitVirtqueue vring = new SplitVirtqueue(layout, options, position, memory.map());
            eventFd = Linux.eventfd();
            if (eventFd < 0) {
                throw new VduseException("no eventfd", eventFd);
            }
            engine = new VirtioBlkQueue(loop, shared.volume(), setup.config(), vring, memory.map(), this, counters);
            counters.set(QueueFigure.BROKEN, 0);
            kick = EpollRegistration.register(loop, eventFd, ops -> onKick());
            int result = shared.kernel().setKick(index, eventFd);
            if (result < 0) {
                throw new VduseException("the kernel does not take the kick eventfd", result);
            }
        } catch (VringException | VduseException | IllegalArgumentException e) {
            stop(StopMode.ABANDON, position -> {});
            return e.getMessage();
        }
        // Kicks before now went nowhere, or to a predecessor's eventfd.
        engine.onKick();
        return null;
    }

    private void onKick() {
        counters.add(QueueFigure.KICKS, 1);
        engine.onKick();
    }

    /**
     * Stops fetching at once.
     *
     * @param whenDrained gets the position where a successor goes on, perhaps before this returns
     * @return the memory of writes that are still in flight
     */
    List<Iotlb.MemoryRange> stop(StopMode mode, Consumer<VringPosition> whenDrained) {
        callsEnded |= mode == StopMode.ABANDON;
        if (kick != null) {
            kick.cancel();
            kick = null;
            // Refused after a reset, when the kernel has dropped it already.
            shared.kernel().setKick(index, -1);
        }
        if (eventFd >= 0) {
            Linux.close(eventFd);
            eventFd = -1;
        }
        if (engine == null) {
            onDrained();
            whenDrained.accept(VringPosition.START);
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
        int result = shared.kernel().injectInterrupt(index);
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
            callsEnded = true; // the device is broken, which its control messages report
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
    }
}
