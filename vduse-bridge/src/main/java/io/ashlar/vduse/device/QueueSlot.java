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
 *   IDLE ── open ──► STARTING ── opened ──► OPEN ── serve ──► SERVING ── moveTo ──► MOVING ── drained ──► STARTING (there)
 *     ▲                 │ refused             │                  │                    │
 *     └─────────────────┴──────────────────── stop ──────────────┴────────────────────┘
 * </pre>
 *
 * A stop is confirmed by the queue's loop at once, whatever storage does; requests in flight end later, by themselves.
 */
@ConfinedTo(LoopKind.CONTROL)
public final class QueueSlot {
    private static final Logger LOG = LoggerFactory.getLogger(QueueSlot.class);

    /** Where a slot is in its life. */
    public enum State {
        IDLE,
        STARTING,
        OPEN,
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
    /** Stopped last, perhaps with requests in flight: a draining stop may be followed by an abandoning one. */
    private ServedQueue draining;

    private EpollLoop loop;
    private ServedQueue.Setup setup;
    private int wantedCpu = -1;

    /** Creates an idle slot. */
    public QueueSlot(ServedQueue.Shared shared, EpollLoop control, EpollLoops dataLoops, int index) {
        this.shared = shared;
        this.control = control;
        this.dataLoops = dataLoops;
        this.index = index;
    }

    /** Returns where it is in its life. */
    public State state() {
        return state;
    }

    /** Returns what is counted of the queue, whatever loop serves it; for any thread. */
    public QueueCounters counters() {
        return counters;
    }

    /** Returns the CPU whose loop serves the queue, or is going to; -1 while idle. */
    public int cpu() {
        return state == State.IDLE ? -1 : wantedCpu;
    }

    /** Opens the rings on a CPU's loop; {@code whenOpened} gets null or why not, on the control loop. */
    public void open(ServedQueue.Setup newSetup, int cpu, Consumer<Exception> whenOpened) {
        setup = newSetup;
        wantedCpu = cpu;
        openOn(cpu, whenOpened);
    }

    private void openOn(int cpu, Consumer<Exception> whenOpened) {
        EpollLoop target = dataLoops.ofCpu(cpu);
        ServedQueue starting = new ServedQueue(shared, index, target, counters);
        ServedQueue.Setup with = setup;
        state = State.STARTING;
        served = starting;
        loop = target;
        target.execute(() -> {
            Exception refusal = starting.open(with);
            control.execute(() -> {
                onOpened(starting, refusal);
                whenOpened.accept(refusal);
            });
        });
    }

    private void onOpened(ServedQueue opened, Exception refusal) {
        if (served != opened) {
            return; // stopped meanwhile
        }
        if (refusal != null) {
            LOG.error("{}: can't serve virtqueue {}: {}", shared.name(), index, refusal.getMessage());
            state = State.IDLE;
            served = null;
            return;
        }
        state = State.OPEN;
    }

    /** Submits again what was in flight, of an open queue; {@code whenDone} runs on the control loop. */
    public void resubmit(Runnable whenDone) {
        if (state != State.OPEN) {
            whenDone.run();
            return;
        }
        ServedQueue resubmitting = served;
        loop.execute(() -> {
            resubmitting.resubmit();
            control.execute(whenDone);
        });
    }

    /** Serves an open queue. */
    public void serve() {
        if (state == State.OPEN) {
            state = State.SERVING;
            loop.execute(served::serve);
            moveTo(wantedCpu);
        }
    }

    /** Moves the queue to another CPU's loop once what is in flight has ended. */
    void moveTo(int cpu) {
        wantedCpu = cpu;
        if (state != State.SERVING || loop.cpu() == cpu) {
            return;
        }
        state = State.MOVING;
        ServedQueue leaving = served;
        loop.execute(() -> leaving.stop(StopMode.DRAIN, position -> control.execute(() -> onLeft(leaving))));
    }

    private void onLeft(ServedQueue left) {
        if (served == left) {
            setup = new ServedQueue.Setup(setup.info(), setup.features(), setup.log(), false, setup.config());
            openOn(wantedCpu, refusal -> serve());
        }
    }

    /**
     * Stops the queue.
     *
     * @param confirmed gets the memory of writes still in flight, on the control loop, as soon as the queue's loop fetches
     *     no more
     * @param drained gets, on the control loop, how far the queue has been worked when nothing is in flight any more;
     *     null if it never was
     */
    public void stop(StopMode mode, Consumer<List<Iotlb.MemoryRange>> confirmed, Consumer<VringPosition> drained) {
        ServedQueue stopping = served == null ? draining : served;
        draining = stopping;
        EpollLoop on = loop;
        state = State.IDLE;
        served = null;
        if (stopping == null) {
            confirmed.accept(List.of());
            drained.accept(null);
            return;
        }
        on.execute(() -> {
            List<Iotlb.MemoryRange> writes =
                    stopping.stop(mode, position -> control.execute(() -> onDrained(stopping, position, drained)));
            control.execute(() -> confirmed.accept(writes));
        });
    }

    private void onDrained(ServedQueue drained, VringPosition position, Consumer<VringPosition> whenDrained) {
        if (draining == drained) {
            draining = null;
        }
        whenDrained.accept(position);
    }
}
