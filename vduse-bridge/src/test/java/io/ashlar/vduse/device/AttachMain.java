package io.ashlar.vduse.device;

import io.ashlar.base.block.BlockGeometry;
import io.ashlar.base.block.MemoryBlockDevice;
import io.ashlar.base.net.EpollLoops;
import io.ashlar.vduse.blk.VirtioBlkConfig;
import io.ashlar.vduse.bus.VdpaBus;
import io.ashlar.vduse.bus.VdpaSysfs;
import io.ashlar.vduse.inflight.DeviceIdentity;
import io.ashlar.vduse.inflight.DeviceLog;
import io.netty.buffer.Unpooled;
import java.nio.file.Path;
import java.util.BitSet;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;

/** Attaches a disk in memory, runs a shell script with DISK and NAME set, and detaches. For the virtual machine. */
public final class AttachMain {
    private AttachMain() {}

    public static void main(String[] args) throws Exception {
        BlockGeometry geometry = new BlockGeometry(Long.parseLong(args[0]) << 20, 512, false);
        int queues = Integer.parseInt(args[1]);
        String name = "ashlar-memory";
        BitSet cpus = EpollLoops.allowedCpus();
        EpollLoops data = EpollLoops.pinned("data", cpus);
        EpollLoops controls = EpollLoops.floating("control", 1);
        var control = controls.all().get(0);
        MemoryBlockDevice volume = new MemoryBlockDevice(geometry);
        VirtioBlkConfig config = new VirtioBlkConfig(geometry, "serial-of-memory", queues, 256, 1 << 20, true, true);
        try (VduseControl vduse = VduseControl.open();
                VdpaBus bus = new VdpaBus()) {
            int created = vduse.create(
                    new DeviceShape(name, config.features(), queues, 256, Unpooled.wrappedBuffer(config.toBytes())));
            check("create", created);
            VduseDevice kernel = VduseDevice.open(name, queues);
            VduseSysfs sysfs = new VduseSysfs(name);
            sysfs.bounceSize(64 << 20);
            sysfs.messageTimeout(300);
            for (int i = 0; i < queues; i++) {
                check("setup", kernel.setupQueue(i, 256));
            }
            AffinityWatch watch = control.eventLoop()
                    .submit(() -> AffinityWatch.start(control))
                    .get();
            QueuePlacement placement = new QueuePlacement(cpus, false);
            CpuWatch cpuWatch = control.eventLoop()
                    .submit(() -> CpuWatch.start(control, placement, data))
                    .get();
            var loops = new BridgedDevice.Loops(control, data, placement, watch, cpuWatch);
            DeviceLog log = DeviceLog.ofThisProcess(
                    new DeviceIdentity(new UUID(0, 0), name, config.features(), queues, 256, 0));
            BridgedDevice device = new BridgedDevice(name, kernel, config, volume, loops, sysfs, log);
            control.eventLoop().submit(device::open).get();
            long before = System.nanoTime();
            bus.add(name).get();
            VdpaSysfs vdpa = new VdpaSysfs(Path.of("/sys"));
            vdpa.bindVirtio(name);
            String disk = vdpa.diskOf(name);
            System.out.println("attached " + disk + " in " + (System.nanoTime() - before) / 1_000_000 + " ms, cpus "
                    + control.eventLoop().submit(device::queueCpus).get());
            ProcessBuilder script = new ProcessBuilder("sh", "-c", args[2]);
            script.environment().put("DISK", "/dev/" + disk);
            script.environment().put("NAME", name);
            int exit = script.inheritIO().start().waitFor();
            System.out.println("script ended with " + exit + ", cpus "
                    + control.eventLoop().submit(device::queueCpus).get());
            bus.remove(name).get();
            CountDownLatch closed = new CountDownLatch(1);
            control.execute(() -> device.close(closed::countDown));
            closed.await();
            check("destroy", vduse.destroy(name));
            System.out.println("detached");
            System.exit(exit);
        }
    }

    private static void check(String what, int result) {
        if (result < 0) {
            throw new IllegalStateException(what + ": " + result);
        }
    }
}
