package io.ashlar.bench.vhost;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
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
        QueuePlacement placement = new QueuePlacement(cpus, false);
        BlockGeometry geometry = new BlockGeometry(BYTES, 4096, false);
        VirtioBlkConfig config =
                new VirtioBlkConfig(geometry, "null", 1, QUEUE_SIZE, VirtioBlkConfig.SIZE_MAX_BYTES, true, true);
        DeviceIdentity identity = new DeviceIdentity(new UUID(0, 1), "null", config.features(), 1, QUEUE_SIZE, 1);
        control.eventLoop()
                .submit(() -> {
                    BridgedDevice.Loops loops = new BridgedDevice.Loops(
                            control,
                            data,
                            placement,
                            AffinityWatch.start(control),
                            CpuWatch.start(control, placement, data));
                    new VhostUserDevice("null", config, new NullBlockDevice(geometry), loops, identity).open(socket);
                    return null;
                })
                .sync();
        System.out.println("serving on " + socket);
        Thread.currentThread().join();
    }
}
