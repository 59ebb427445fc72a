package io.ashlar.vduse.vhost;

import static org.assertj.core.api.Assertions.assertThat;

import io.ashlar.base.net.EpollLoop;
import io.ashlar.base.net.EpollLoops;
import io.ashlar.vduse.blk.VirtioBlkConfig;
import io.ashlar.vduse.device.AffinityWatch;
import io.ashlar.vduse.device.BridgedDevice;
import io.ashlar.vduse.device.CpuWatch;
import io.ashlar.vduse.device.HeldDevice;
import io.ashlar.vduse.device.QueuePlacement;
import io.ashlar.vduse.inflight.DeviceIdentity;
import java.nio.file.Path;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;

/** A device and a front end of our own: real sockets, real loops, real shared memory. */
abstract class VhostUserFixture {
    static final int WAIT_SECONDS = 60;
    static final int MIB = 1 << 20;
    static final int DATA = 1 << 16;

    @TempDir
    Path folder;

    EpollLoops controls;
    EpollLoop control;
    EpollLoops data;
    BridgedDevice.Loops loops;
    HeldDevice volume;
    VhostUserDevice device;
    Path path;
    FrontEndModel front;
    FrontEndModel.Region memory;
    int nextRequest;

    @BeforeEach
    void start() throws Exception {
        var cpus = EpollLoops.allowedCpus();
        controls = EpollLoops.floating("control", 1);
        control = controls.all().get(0);
        data = EpollLoops.pinned("data", cpus);
        volume = new HeldDevice(MIB);
        path = folder.resolve("s");
        QueuePlacement placement = new QueuePlacement(cpus, false);
        loops = onControl(() -> new BridgedDevice.Loops(
                control, data, placement, AffinityWatch.start(control), CpuWatch.start(control, placement, data)));
        device = open(path);
    }

    static DeviceIdentity identity(long incarnation) {
        return new DeviceIdentity(new UUID(1, 2), "ashlar-test", 0, 2, 64, incarnation);
    }

    VhostUserDevice open(Path at) throws Exception {
        return open(at, 1);
    }

    VhostUserDevice open(Path at, long incarnation) throws Exception {
        VirtioBlkConfig config = new VirtioBlkConfig(volume.geometry(), "serial", 2, 64, 1 << 16, true, true);
        VhostUserDevice opened = new VhostUserDevice("test", config, volume, loops, identity(incarnation));
        onControl(() -> {
            opened.open(at);
            return null;
        });
        return opened;
    }

    <T> T onControl(java.util.concurrent.Callable<T> task) throws Exception {
        return control.eventLoop().submit(task).get(WAIT_SECONDS, TimeUnit.SECONDS);
    }

    @AfterEach
    void end() throws Exception {
        volume.letGo();
        if (front != null) {
            front.close();
        }
        close(device);
        assertThat(path).doesNotExist();
        onControl(() -> {
            loops.watch().close();
            return null;
        });
        data.close();
        controls.close();
    }

    void close(VhostUserDevice closing) throws Exception {
        CompletableFuture<Void> closed = new CompletableFuture<>();
        control.execute(() -> closing.close(() -> closed.complete(null)));
        closed.get(WAIT_SECONDS, TimeUnit.SECONDS);
    }

    /** Connects a front end with one region of memory and both rings served. */
    void connect() throws Exception {
        front = new FrontEndModel(path);
        front.negotiate();
        memory = front.memory(0x10_0000, MIB);
        front.rings(memory, 2, 0);
        front.setMemory();
        for (int ring = 0; ring < 2; ring++) {
            front.describe(ring, 0);
            front.enable(ring);
        }
    }

    int offer(int ring, int type, int block, int fill) {
        return front.offer(memory, DATA + 3 * 4096 * (nextRequest++ % 64), ring, type, block, fill);
    }

    void write(int ring, int block, int fill) throws Exception {
        int at = offer(ring, FrontEndModel.OUT, block, fill);
        front.awaitUsed(ring);
        assertThat(memory.memory().get(at + 8192)).isZero();
        assertThat(volume.bytes().getByte(block * 4096 + 4095)).isEqualTo((byte) fill);
    }

    void read(int ring, int block, int expected) throws Exception {
        int at = offer(ring, FrontEndModel.IN, block, 0);
        front.awaitUsed(ring);
        assertThat(memory.memory().get(at + 8192)).isZero();
        assertThat(memory.memory().get(at + 4096)).isEqualTo((byte) expected);
    }
}
