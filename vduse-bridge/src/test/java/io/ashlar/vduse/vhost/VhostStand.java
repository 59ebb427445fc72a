package io.ashlar.vduse.vhost;

import io.ashlar.base.block.BlockDevice;
import io.ashlar.base.net.EpollLoop;
import io.ashlar.base.net.EpollLoops;
import io.ashlar.vduse.blk.VirtioBlkConfig;
import io.ashlar.vduse.device.AffinityWatch;
import io.ashlar.vduse.device.BridgedDevice;
import io.ashlar.vduse.device.CpuWatch;
import io.ashlar.vduse.device.QueuePlacement;
import io.ashlar.vduse.inflight.DeviceIdentity;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.BooleanSupplier;

/** Several devices on the loops of one bridge, each with two rings of {@link FrontEndModel#RING_SIZE}. */
final class VhostStand implements AutoCloseable {
    static final int QUEUES = 2;
    private static final int WAIT_SECONDS = 60;

    private final EpollLoops controls = EpollLoops.floating("control", 1);
    private final EpollLoop control = controls.all().get(0);
    private final EpollLoops data = EpollLoops.pinned("data", EpollLoops.allowedCpus());
    private final BridgedDevice.Loops loops;
    private final List<VhostUserDevice> devices = new ArrayList<>();

    VhostStand() throws Exception {
        QueuePlacement placement = new QueuePlacement(EpollLoops.allowedCpus(), false);
        loops = onControl(() -> new BridgedDevice.Loops(
                control, data, placement, AffinityWatch.start(control), CpuWatch.start(control, placement, data)));
    }

    <T> T onControl(Callable<T> task) throws Exception {
        return control.eventLoop().submit(task).get(WAIT_SECONDS, TimeUnit.SECONDS);
    }

    /** Returns the data loops. */
    EpollLoops data() {
        return data;
    }

    /** Opens a device that is another attachment than those before. */
    VhostUserDevice open(String name, BlockDevice volume, Path path) throws Exception {
        return open(name, volume, path, devices.size() + 1L);
    }

    VhostUserDevice open(String name, BlockDevice volume, Path path, long incarnation) throws Exception {
        VirtioBlkConfig config =
                new VirtioBlkConfig(volume.geometry(), "serial", QUEUES, FrontEndModel.RING_SIZE, 1 << 16, true, true);
        VhostUserDevice device = new VhostUserDevice(name, config, volume, loops, identity(name, incarnation));
        onControl(() -> {
            device.open(path);
            return null;
        });
        devices.add(device);
        return device;
    }

    static DeviceIdentity identity(String name, long incarnation) {
        return new DeviceIdentity(new UUID(1, 2), name, 0, QUEUES, FrontEndModel.RING_SIZE, incarnation);
    }

    /** Closes one of the devices. */
    void close(VhostUserDevice device) {
        devices.remove(device);
        CompletableFuture<Void> closed = new CompletableFuture<>();
        control.execute(() -> device.close(() -> closed.complete(null)));
        closed.orTimeout(WAIT_SECONDS, TimeUnit.SECONDS).join();
    }

    static void await(BooleanSupplier state) throws TimeoutException {
        long deadlineNs = System.nanoTime() + TimeUnit.SECONDS.toNanos(WAIT_SECONDS);
        while (!state.getAsBoolean()) {
            FrontEndModel.pause(deadlineNs);
        }
    }

    @Override
    public void close() {
        List.copyOf(devices).forEach(this::close);
        control.eventLoop().submit(loops.watch()::close).syncUninterruptibly();
        data.close();
        controls.close();
    }
}
