package io.ashlar.vduse.agent;

import io.ashlar.base.net.EpollLoop;
import io.ashlar.base.net.EpollLoops;
import io.ashlar.vduse.bus.VdpaBus;
import io.ashlar.vduse.bus.VdpaSysfs;
import io.ashlar.vduse.device.AffinityWatch;
import io.ashlar.vduse.device.BridgedDevice;
import io.ashlar.vduse.device.CpuWatch;
import io.ashlar.vduse.device.QueuePlacement;
import io.ashlar.vduse.device.ServedDevice;
import io.ashlar.vduse.device.VduseControl;
import io.ashlar.vduse.device.VduseException;
import java.io.IOException;
import java.util.BitSet;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** What all attachments of a bridge share, and what it takes from the host: one at a time has it. */
record BridgeParts(
        BridgeConfig config,
        HostFolders host,
        VduseControl vduse,
        VdpaBus bus,
        VdpaSysfs vdpa,
        VolumeOpener opener,
        BridgedDevice.Loops loops,
        EpollLoops controlLoops,
        StateFolder state,
        BounceBudget budget)
        implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(BridgeParts.class);
    private static final long CLOSE_SECONDS = 10;

    /**
     * Takes VDUSE's control device and a loop for control messages.
     *
     * @param state the parts' to close from now on; without its lock no device may be touched
     */
    static BridgeParts open(BridgeConfig config, StateFolder state, EpollLoops dataLoops, VolumeOpener opener)
            throws IOException {
        VduseControl vduse = openVduse();
        EpollLoops controlLoops = EpollLoops.floating("bridge-control", 1);
        long budget = config.bounceBudgetBytes() > 0 ? config.bounceBudgetBytes() : HostMemory.totalBytes() / 8;
        HostFolders host = HostFolders.REAL;
        return new BridgeParts(
                config,
                host,
                vduse,
                new VdpaBus(),
                new VdpaSysfs(host.sys()),
                opener,
                startLoops(config, dataLoops, controlLoops.all().get(0)),
                controlLoops,
                state,
                new BounceBudget(budget));
    }

    /** Virtual machines and tools can be served where the kernel has no VDUSE. */
    private static VduseControl openVduse() {
        try {
            return VduseControl.open();
        } catch (VduseException e) {
            LOG.warn("{}; volumes can be attached with --vhost-user only", e.getMessage());
            return VduseControl.absent(e);
        }
    }

    private static BridgedDevice.Loops startLoops(BridgeConfig config, EpollLoops dataLoops, EpollLoop control) {
        BitSet cpus = new BitSet();
        dataLoops.all().forEach(loop -> cpus.set(loop.cpu()));
        QueuePlacement placement = new QueuePlacement(cpus, config.keepAffinity());
        return control.eventLoop()
                .submit(() -> new BridgedDevice.Loops(
                        control,
                        dataLoops,
                        placement,
                        AffinityWatch.start(control),
                        CpuWatch.start(control, placement, dataLoops)))
                .syncUninterruptibly()
                .getNow();
    }

    /**
     * Runs a task on the control loop and waits for its end. Not to be called on a loop.
     *
     * @param what is being done, for the message of what the task throws
     */
    void onControlLoop(String what, Callable<?> task) throws IOException {
        try {
            loops.control().eventLoop().submit(task).get();
        } catch (ExecutionException e) {
            throw Teardown.asIoException(what, e.getCause());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new BridgeException("interrupted", e);
        }
    }

    /** Has a teardown let go of a volume, and first close it where the device is removed. */
    void pushVolume(Teardown teardown, VolumeOpener.OpenedVolume volume) {
        pushLetGo(teardown, volume);
        pushGiveBack(teardown, volume);
    }

    /** The first half: what is refused from then on may be because of a user of the volume on this host, whose it stays. */
    void pushLetGo(Teardown teardown, VolumeOpener.OpenedVolume volume) {
        teardown.push("let go of the volume", volume.letGo()::run);
    }

    /** The second half. */
    void pushGiveBack(Teardown teardown, VolumeOpener.OpenedVolume volume) {
        teardown.pushRemoval("close the volume", volume.device()::close);
    }

    /** Has a teardown remove what is written down of a device. */
    void pushForget(Teardown teardown, String vduse) {
        teardown.pushRemoval("forget the device", () -> state.delete(vduse));
    }

    /**
     * Has a teardown close a device. Who lets go of the volume as well need not wait for requests in flight, which end by that:
     * the wait, which a node that hangs makes long, is a part of the removal.
     */
    void pushClose(Teardown teardown, ServedDevice device, String name) {
        CountDownLatch closed = new CountDownLatch(1);
        teardown.pushRemoval(
                "wait for requests in flight", () -> await(closed, "requests of " + name + " are still in flight"));
        teardown.push("cut the device off its driver", () -> {
            CountDownLatch cutOff = new CountDownLatch(1);
            loops.control().execute(() -> device.close(cutOff::countDown, closed::countDown));
            await(cutOff, name + " is still being served");
        });
    }

    private static void await(CountDownLatch latch, String otherwise) throws BridgeException, InterruptedException {
        if (!latch.await(CLOSE_SECONDS, TimeUnit.SECONDS)) {
            throw new BridgeException(otherwise);
        }
    }

    /** Gives everything back; devices stay as they are. */
    @Override
    public void close() {
        loops.control().eventLoop().submit(loops.watch()::close).syncUninterruptibly();
        controlLoops.close();
        bus.close();
        vduse.close();
        try {
            state.close();
        } catch (IOException e) {
            LOG.debug("closing the lock", e);
        }
    }
}
