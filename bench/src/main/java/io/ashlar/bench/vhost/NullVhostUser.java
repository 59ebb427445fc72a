package io.ashlar.bench.vhost;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.block.BlockDevice;
import io.ashlar.base.block.BlockGeometry;
import io.ashlar.base.block.NullBlockDevice;
import io.ashlar.base.net.EpollLoop;
import io.ashlar.base.net.EpollLoops;
import io.ashlar.vduse.blk.VirtioBlkConfig;
import io.ashlar.vduse.device.AffinityWatch;
import io.ashlar.vduse.device.BridgedDevice;
import io.ashlar.vduse.device.CpuWatch;
import io.ashlar.vduse.device.QueuePlacement;
import io.ashlar.vduse.inflight.DeviceIdentity;
import io.ashlar.vduse.vhost.VhostUserDevice;
import java.nio.file.Path;
import java.util.BitSet;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;

/**
 * A disk over vhost-user that is nowhere, for the cost of the virtqueue engine alone. Serves until it is killed. Started by
 * {@code bench/native null}.
 */
@ConfinedTo(LoopKind.OWNER)
public final class NullVhostUser {
    private static final long BYTES = 1L << 30;
    private static final int QUEUE_SIZE = 256;

    private NullVhostUser() {}

    /** Serves on a socket: {@code SOCKET}. */
    public static void main(String[] words) throws Exception {
        Path socket = Path.of(words[0]).toAbsolutePath();
        BitSet cpus = EpollLoops.allowedCpus();
        EpollLoop control = EpollLoops.floating("control", 1).all().get(0);
        EpollLoops data = EpollLoops.pinned("data", cpus);
        Runnable unused = serve(socket, new NullBlockDevice(new BlockGeometry(BYTES, 4096, false)), 1, control, data);
        System.out.println("serving on " + socket);
        Thread.currentThread().join();
    }

    /** Serves a device on a socket; what is returned ends that, and waits until it has ended. */
    static Runnable serve(Path socket, BlockDevice device, int queues, EpollLoop control, EpollLoops data)
            throws InterruptedException {
        QueuePlacement placement = new QueuePlacement(EpollLoops.allowedCpus(), false);
        VirtioBlkConfig config = new VirtioBlkConfig(
                device.geometry(), "null", queues, QUEUE_SIZE, VirtioBlkConfig.SIZE_MAX_BYTES, true, true);
        DeviceIdentity identity = new DeviceIdentity(new UUID(0, 1), "null", config.features(), queues, QUEUE_SIZE, 1);
        return control.eventLoop()
                .submit(() -> {
                    AffinityWatch watch = AffinityWatch.start(control);
                    BridgedDevice.Loops loops = new BridgedDevice.Loops(
                            control, data, placement, watch, CpuWatch.start(control, placement, data));
                    VhostUserDevice served = new VhostUserDevice("null", config, device, loops, identity);
                    served.open(socket);
                    return (Runnable) () -> end(served, watch, control);
                })
                .sync()
                .getNow();
    }

    private static void end(VhostUserDevice served, AffinityWatch watch, EpollLoop control) {
        CompletableFuture<Void> ended = new CompletableFuture<>();
        control.execute(() -> served.close(() -> {}, () -> {
            watch.close();
            ended.complete(null);
        }));
        ended.join();
    }
}
