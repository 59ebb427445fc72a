package io.ashlar.vduse.device;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.net.EpollLoop;
import io.ashlar.base.net.EpollLoops;
import io.ashlar.vduse.blk.QueueCounters;
import io.ashlar.vduse.blk.StopMode;
import io.ashlar.vduse.vring.VringPosition;
import java.util.List;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One virtqueue as the control loop sees it: on which CPU's loop it is served, and the way from one to another.
 *
 * <pre>
 *   IDLE ── start ──► STARTING ── served ──► SERVING ── moveTo ──► MOVING ── drained ──► STARTING (there)
 *     ▲                  │ refused              │                    │
 *     └──────────────────┴───── stop ───────────┴────────────────────┘
 * </pre>
 *
 * A stop is confirmed by the queue's loop at once, whatever storage does; requests in flight end later, by themselves.
 */
@ConfinedTo(LoopKind.CONTROL)
final class QueueSlot {
    private static final Logger LOG = LoggerFactory.getLogger(QueueSlot.class);

    /** Where a slot is in its life. */
    enum State {
        IDLE,
        STARTING,
        SERVING,
        MOVING
    }

    private final ServedQueue.Shared shared;
    private final EpollLoop control;
    private final EpollLoops dataLoops;
    private final int index;
    private final QueueCounters counters = new QueueCounters();

    private State state = State.IDLE;
    private ServedQueue served;
    private EpollLoop loop;
    private ServedQueue.Setup setup;
    private int wantedCpu = -1;

    QueueSlot(ServedQueue.Shared shared, EpollLoop control, EpollLoops dataLoops, int index) {
        this.shared = shared;
        this.control = control;
        this.dataLoops = dataLoops;
        this.index = index;
    }

    State state() {
        return state;
    }

    /** Returns what is counted of the queue, whatever loop serves it; for any thread. */
    QueueCounters counters() {
        return counters;
    }

    /** Returns the CPU whose loop serves the queue, or is going to; -1 while idle. */
    int cpu() {
        return state == State.IDLE ? -1 : wantedCpu;
    }

    /** Starts serving on a CPU's loop; {@code whenStarted} gets null or why not, on the control loop. */
    void start(ServedQueue.Setup newSetup, int cpu, Consumer<String> whenStarted) {
        setup = newSetup;
        wantedCpu = cpu;
        startOn(cpu, whenStarted);
    }

    private void startOn(int cpu, Consumer<String> whenStarted) {
        EpollLoop target = dataLoops.ofCpu(cpu);
        ServedQueue starting = new ServedQueue(shared, index, target, counters);
        ServedQueue.Setup with = setup;
        state = State.STARTING;
        served = starting;
        loop = target;
        target.execute(() -> {
            String refusal = starting.start(with);
            control.execute(() -> {
                onStarted(starting, refusal);
                whenStarted.accept(refusal);
            });
        });
    }

    private void onStarted(ServedQueue started, String refusal) {
        if (served != started) {
            return; // stopped meanwhile
        }
        if (refusal != null) {
            LOG.error("{}: can't serve virtqueue {}: {}", shared.name(), index, refusal);
            state = State.IDLE;
            served = null;
            return;
        }
        state = State.SERVING;
        moveTo(wantedCpu);
    }

    /** Moves the queue to another CPU's loop once what is in flight has ended. */
    void moveTo(int cpu) {
        wantedCpu = cpu;
        if (state != State.SERVING || loop.cpu() == cpu) {
            return;
        }
        state = State.MOVING;
        ServedQueue leaving = served;
        loop.execute(() -> leaving.stop(StopMode.DRAIN, position -> control.execute(() -> onLeft(leaving, position))));
    }

    private void onLeft(ServedQueue left, VringPosition position) {
        if (served == left) {
            setup = new ServedQueue.Setup(setup.info(), setup.features(), position, setup.config());
            startOn(wantedCpu, refusal -> {});
        }
    }

    /**
     * Stops the queue.
     *
     * @param confirmed gets the memory of writes still in flight, on the control loop, as soon as the queue's loop fetches
     *     no more
     * @param drained runs on the control loop when nothing is in flight any more
     */
    void stop(StopMode mode, Consumer<List<Iotlb.MemoryRange>> confirmed, Runnable drained) {
        ServedQueue stopping = served;
        EpollLoop on = loop;
        state = State.IDLE;
        served = null;
        if (stopping == null) {
            confirmed.accept(List.of());
            drained.run();
            return;
        }
        on.execute(() -> {
            List<Iotlb.MemoryRange> writes = stopping.stop(mode, position -> control.execute(drained));
            control.execute(() -> confirmed.accept(writes));
        });
    }
}
