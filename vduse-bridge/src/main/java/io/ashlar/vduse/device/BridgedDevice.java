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
import io.ashlar.vduse.inflight.DeviceLog;
import io.ashlar.vduse.inflight.InflightException;
import io.ashlar.vduse.vring.SplitVirtqueue;
import io.ashlar.vduse.vring.VringException;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.IntStream;
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
public final class BridgedDevice implements ServedDevice, DriverRequests {
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
    private final DeviceLog log;
    private final Iotlb iotlb;
    private final ControlMessages messages;
    private final List<QueueSlot> slots = new ArrayList<>();
    private final QueueSpread spread;

    private VirtioBlkConfig config;
    private boolean running;
    private boolean leaving;
    private boolean closed;

    /**
     * Creates the device's server; nothing happens before {@link #open}.
     *
     * @param volume served; stays the caller's
     * @param log where to write what is in flight, so that a successor can go on after a crash
     */
    public BridgedDevice(
            String name,
            KernelDevice kernel,
            VirtioBlkConfig config,
            BlockDevice volume,
            Loops loops,
            QueueAffinity affinity,
            DeviceLog log) {
        this.name = name;
        this.kernel = kernel;
        this.config = config;
        this.loops = loops;
        this.log = log;
        this.volume = new GatedDevice(volume);
        iotlb = new Iotlb(kernel::map);
        ServedQueue.Shared shared = new ServedQueue.Shared(name, new KernelPort(kernel), iotlb, this.volume);
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
     * Starts to answer the kernel for a device that had a server before, which has gone. Requests it left unanswered are served
     * again, before anything new. If the log says that no driver was being served, the driver's next message tells what it wants.
     *
     * @param whenStarted gets null, or why the driver can't be served; then nothing has been submitted
     */
    public void resume(Consumer<Exception> whenStarted) {
        loops.control().assertInLoop();
        if (log.isServing()) {
            startQueues(true, refusal -> {
                spread.writeMasks();
                whenStarted.accept(refusal);
            });
        } else {
            whenStarted.accept(null);
        }
        messages.open();
    }

    /**
     * The same for a device whose log is lost: possible only while nothing is in flight, as the indexes of its rings tell. They do
     * not change meanwhile but by what the driver adds.
     */
    public void resumeWithoutLog(Consumer<Exception> whenStarted) {
        loops.control().assertInLoop();
        MemoryView memory = new MemoryView(iotlb);
        try {
            for (int i = kernel.driverFeatures() == 0 ? -1 : slots.size() - 1; i >= 0; i--) {
                beginWhereTheRingsAre(i, memory);
            }
        } catch (InflightException | VringException | IllegalArgumentException e) {
            whenStarted.accept(e);
            return;
        } finally {
            memory.release();
        }
        resume(whenStarted);
    }

    private void beginWhereTheRingsAre(int queue, MemoryView memory) throws InflightException, VringException {
        QueueInfo info = kernel.queueInfo(queue);
        if (isUsed(info)) {
            log.region(queue).reset(info.size(), SplitVirtqueue.settledIndex(info.layout(), memory.map()));
        } else {
            log.region(queue).reset(log.identity().ringSize(), 0);
        }
    }

    @Override
    public void setStatus(int status, Answer answer) {
        LOG.debug("{}: status 0x{}", name, Integer.toHexString(status));
        if (status == 0) {
            reset(() -> answer.reply(true));
        } else if ((status & STATUS_DRIVER_OK) != 0 && !running) {
            if (leaving) {
                return; // the kernel asks the successor again
            }
            startQueues(false, refusal -> {
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

    private void startQueues(boolean takenOver, Consumer<Exception> whenStarted) {
        running = true;
        long features = kernel.driverFeatures();
        List<QueueInfo> infos =
                IntStream.range(0, slots.size()).mapToObj(kernel::queueInfo).toList();
        Exception misfit = takenOver ? misfit(features) : beginLog(infos);
        Countdown<Exception> opened = new Countdown<>(refusals -> {
            if (refusals.isEmpty()) {
                serveQueues(() -> whenStarted.accept(null));
            } else {
                whenStarted.accept(refusals.get(0));
            }
        });
        for (int i = 0; i < slots.size() && misfit == null; i++) {
            if (isUsed(infos.get(i))) {
                opened.expect();
                var setup = new ServedQueue.Setup(infos.get(i), features, log.region(i), takenOver, config);
                slots.get(i).open(setup, spread.place(i), opened::arrived);
            }
        }
        opened.arrived(misfit);
    }

    /** The driver uses no more queues than there are CPUs. */
    private static boolean isUsed(QueueInfo info) {
        return info != null && info.ready();
    }

    private Exception beginLog(List<QueueInfo> infos) {
        int[] sizes =
                infos.stream().mapToInt(info -> isUsed(info) ? info.size() : 0).toArray();
        for (int size : sizes) {
            if (size < 0 || size > log.identity().ringSize()) {
                return new VduseException("a ring of " + size + " was never offered", -Errno.EINVAL);
            }
        }
        log.begin(sizes);
        return null;
    }

    private Exception misfit(long features) {
        boolean known = (features & ~log.identity().features()) == 0 && config.accepts(features);
        return known
                ? null
                : new InflightException("its driver uses features 0x" + Long.toHexString(features)
                        + ", which were not offered or are not known to this program");
    }

    /** What is new must find the ranges of what was in flight taken, whatever queue either is in. */
    private void serveQueues(Runnable whenServing) {
        Countdown<Void> resubmitted = new Countdown<>(ignored -> {
            slots.forEach(QueueSlot::serve);
            whenServing.run();
        });
        for (QueueSlot slot : slots) {
            resubmitted.expect();
            slot.resubmit(() -> resubmitted.arrived(null));
        }
        resubmitted.armed();
    }

    private void reset(Runnable whenDone) {
        running = false;
        spread.forget();
        Runnable whenStopped = () -> {
            log.end();
            whenDone.run();
        };
        stopQueues(StopMode.ABANDON, whenStopped, () -> {});
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
            slot.stop(mode, stops::arrived, position -> drains.arrived(null));
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
        if (closed) {
            return;
        }
        config = config.withGeometry(volume.geometry());
        ByteBuf space = Unpooled.wrappedBuffer(config.toBytes());
        // The capacity, in 512-byte sectors, is the first field (virtio 1.2, 5.2.4).
        int result = kernel.setConfig(0, space.slice(0, Long.BYTES));
        int told = result < 0 ? result : kernel.injectConfigInterrupt();
        if (told < 0 && running) {
            LOG.warn("{}: can't tell the driver about the new size: {}", name, Errno.describe(told));
        }
    }

    @Override
    public void fail() {
        volume.fail();
    }

    @Override
    public void quiesce(Runnable whenDrained) {
        loops.control().assertInLoop();
        leaving = true;
        spread.forget();
        stopQueues(StopMode.DRAIN, () -> {}, whenDrained);
    }

    @Override
    public void close(Runnable whenCutOff, Runnable whenClosed) {
        loops.control().assertInLoop();
        leaving = true;
        messages.close();
        spread.forget();
        Runnable whenStopped = () -> {
            closeKernel();
            whenCutOff.run();
        };
        stopQueues(StopMode.ABANDON, whenStopped, whenClosed);
    }

    /** The number of its descriptor may be another file's afterwards. */
    private void closeKernel() {
        if (!closed) {
            closed = true;
            kernel.close();
        }
    }

    @Override
    public List<QueueCounters> counters() {
        return slots.stream().map(QueueSlot::counters).toList();
    }

    @Override
    public List<Integer> queueCpus() {
        loops.control().assertInLoop();
        return slots.stream().map(QueueSlot::cpu).toList();
    }
}
