package io.ashlar.vduse.device;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.block.BlockDevice;
import io.ashlar.base.net.EpollLoop;
import io.ashlar.base.net.EpollLoops;
import io.ashlar.base.sys.Errno;
import io.ashlar.vduse.blk.QueueCounters;
import io.ashlar.vduse.blk.StopMode;
import io.ashlar.vduse.blk.VirtioBlkConfig;
import io.ashlar.vduse.vring.VringPosition;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One volume as a VDUSE block device: answers the kernel's control messages and steers the virtqueues accordingly. The
 * device status is the state machine (virtio 1.2, 2.1):
 *
 * <pre>
 *   0 ─► ACKNOWLEDGE ─► DRIVER ─► FEATURES_OK: features checked ─► DRIVER_OK: queues start
 *   ▲                                                                 │
 *   └───────────────────────────── 0: queues abandoned ◄──────────────┘
 * </pre>
 *
 * No answer waits for storage. A reset is answered when every queue's loop has confirmed that it fetches no more and
 * the requests in flight have been cut off the driver's memory; they end later, on memory of their own.
 */
@ConfinedTo(LoopKind.CONTROL)
public final class BridgedDevice implements DriverRequests {
    private static final Logger LOG = LoggerFactory.getLogger(BridgedDevice.class);
    private static final int STATUS_DRIVER_OK = 4;
    private static final int STATUS_FEATURES_OK = 8;

    /**
     * The loops of a bridge, shared by its devices.
     *
     * @param control the loop of all control messages
     * @param data one loop per CPU
     * @param placement which queue goes where
     * @param watch tells of changed affinities; null where nobody changes them
     * @param cpus tells of CPUs that go and come back
     */
    public record Loops(
            EpollLoop control, EpollLoops data, QueuePlacement placement, AffinityWatch watch, CpuWatch cpus) {}

    private final String name;
    private final KernelDevice kernel;
    private final Loops loops;
    private final GatedDevice volume;
    private final Iotlb iotlb;
    private final ControlMessages messages;
    private final List<QueueSlot> slots = new ArrayList<>();
    private final QueueSpread spread;

    private VirtioBlkConfig config;
    private boolean running;
    private boolean leaving;

    /**
     * Creates the device's server; nothing happens before {@link #open}.
     *
     * @param volume served; stays the caller's
     * @param inOrder whether completions are published in the order of fetching, so that a successor can go on after a crash
     */
    public BridgedDevice(
            String name,
            KernelDevice kernel,
            VirtioBlkConfig config,
            BlockDevice volume,
            Loops loops,
            QueueAffinity affinity,
            boolean inOrder) {
        this.name = name;
        this.kernel = kernel;
        this.config = config;
        this.loops = loops;
        this.volume = new GatedDevice(volume);
        iotlb = new Iotlb(kernel);
        ServedQueue.Shared shared = new ServedQueue.Shared(name, kernel, iotlb, this.volume, inOrder);
        for (int i = 0; i < config.queueCount(); i++) {
            slots.add(new QueueSlot(shared, loops.control(), loops.data(), i));
        }
        spread = new QueueSpread(name, loops, affinity, slots);
        messages = new ControlMessages(loops.control(), kernel, name, this);
        volume.onGeometryChange(() -> loops.control().execute(this::onGeometryChange));
    }

    /** Starts to answer the kernel. */
    public void open() {
        loops.control().assertInLoop();
        messages.open();
    }

    /**
     * Starts to answer the kernel for a device whose driver is running, in place of a server that has gone. Requests it
     * left unanswered are served again.
     *
     * @param whenStarted gets null, or why a queue can't be served
     */
    public void resume(Consumer<String> whenStarted) {
        loops.control().assertInLoop();
        startQueues(null, refusal -> {
            spread.writeMasks();
            whenStarted.accept(refusal);
        });
        messages.open();
    }

    @Override
    public void setStatus(int status, Answer answer) {
        LOG.debug("{}: status 0x{}", name, Integer.toHexString(status));
        if (status == 0) {
            reset(() -> answer.reply(true));
        } else if ((status & STATUS_DRIVER_OK) != 0 && !running && !leaving) {
            startQueues(VringPosition.START, refusal -> {
                answer.reply(refusal == null);
                spread.writeMasks();
            });
        } else if ((status & STATUS_FEATURES_OK) != 0 && !running) {
            long features = kernel.driverFeatures();
            boolean accepted = config.accepts(features);
            if (!accepted) {
                LOG.warn("{}: refused the driver's features 0x{}", name, Long.toHexString(features));
            }
            answer.reply(accepted);
        } else {
            answer.reply(true);
        }
    }

    private void startQueues(VringPosition position, Consumer<String> whenStarted) {
        running = true;
        long features = kernel.driverFeatures();
        Countdown<String> all = new Countdown<>(refusals -> {
            whenStarted.accept(refusals.isEmpty() ? null : refusals.get(0));
        });
        for (int i = 0; i < slots.size(); i++) {
            QueueInfo info = kernel.queueInfo(i);
            // The driver uses no more queues than there are CPUs.
            if (info != null && info.ready()) {
                all.expect();
                ServedQueue.Setup setup = new ServedQueue.Setup(info, features, position, config);
                slots.get(i).start(setup, spread.place(i), all::arrived);
            }
        }
        all.armed();
    }

    private void reset(Runnable whenDone) {
        running = false;
        spread.forget();
        stopQueues(StopMode.ABANDON, whenDone, () -> {});
    }

    /** {@code whenStopped} runs when nothing is fetched any more, {@code whenDrained} later, when nothing is in flight. */
    private void stopQueues(StopMode mode, Runnable whenStopped, Runnable whenDrained) {
        Countdown<String> drains = new Countdown<>(ignored -> whenDrained.run());
        Countdown<List<Iotlb.MemoryRange>> stops = new Countdown<>(writes -> {
            if (mode == StopMode.ABANDON) {
                sever(writes);
            }
            whenStopped.run();
            drains.arrived(null);
        });
        drains.expect();
        for (QueueSlot slot : slots) {
            stops.expect();
            drains.expect();
            slot.stop(mode, stops::arrived, () -> drains.arrived(null));
        }
        stops.armed();
        drains.armed();
    }

    private void sever(List<List<Iotlb.MemoryRange>> writes) {
        try {
            iotlb.sever(writes.stream().flatMap(List::stream).toList());
        } catch (VduseException e) {
            // The requests keep the old mapping. Better than to leave the kernel waiting; it is about to let go anyway.
            LOG.error("{}: {}", name, e.getMessage());
        }
    }

    @Override
    public void queueState(int queue, Answer answer) {
        boolean idle = queue >= 0 && queue < slots.size() && slots.get(queue).state() == QueueSlot.State.IDLE;
        if (idle) {
            answer.replyIndex(0);
        } else {
            answer.reply(false);
        }
    }

    @Override
    public void forgetMappings(long iovaStart, long iovaLast, Answer answer) {
        // Only a driver other than virtio_vdpa asks for this, and the bridge lets no other one in.
        boolean idle = slots.stream().allMatch(slot -> slot.state() == QueueSlot.State.IDLE);
        if (idle) {
            iotlb.forget(iovaStart, iovaLast);
        }
        answer.reply(idle);
    }

    @Override
    public void broken() {
        LOG.error(
                "{}: the kernel has given the device up, because a control message was not answered in time;"
                        + " detach it with --force and attach it again",
                name);
    }

    private void onGeometryChange() {
        config = config.withGeometry(volume.geometry());
        ByteBuf space = Unpooled.wrappedBuffer(config.toBytes());
        // The capacity, in 512-byte sectors, is the first field (virtio 1.2, 5.2.4).
        int result = kernel.setConfig(0, space.slice(0, Long.BYTES));
        int told = result < 0 ? result : kernel.injectConfigInterrupt();
        if (told < 0 && running) {
            LOG.warn("{}: can't tell the driver about the new size: {}", name, Errno.describe(told));
        }
    }

    /** Ends everything in flight and to come with an error; for a device that must go while its node is away. */
    public void fail() {
        volume.fail();
    }

    /** Stops fetching, for good, and lets what is in flight end; the driver's requests wait for a successor. */
    public void quiesce(Runnable whenDrained) {
        loops.control().assertInLoop();
        leaving = true;
        spread.forget();
        stopQueues(StopMode.DRAIN, () -> {}, whenDrained);
    }

    /** Lets go of the kernel's device and of its memory; {@code whenClosed} runs when the volume may be closed. */
    public void close(Runnable whenClosed) {
        loops.control().assertInLoop();
        leaving = true;
        messages.close();
        spread.forget();
        stopQueues(StopMode.ABANDON, kernel::close, whenClosed);
    }

    /** Returns what is counted of each virtqueue. Any thread may call it. */
    public List<QueueCounters> counters() {
        return slots.stream().map(QueueSlot::counters).toList();
    }

    /** Returns the CPU that serves each virtqueue, -1 for those that the driver does not use. */
    public List<Integer> queueCpus() {
        loops.control().assertInLoop();
        return slots.stream().map(QueueSlot::cpu).toList();
    }
}
