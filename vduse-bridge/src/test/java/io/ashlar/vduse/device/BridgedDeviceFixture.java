package io.ashlar.vduse.device;

import static org.assertj.core.api.Assertions.assertThat;

import io.ashlar.base.net.EpollLoop;
import io.ashlar.base.net.EpollLoops;
import io.ashlar.vduse.blk.VirtioBlkConfig;
import io.ashlar.vduse.inflight.DeviceIdentity;
import io.ashlar.vduse.inflight.DeviceLog;
import io.ashlar.vduse.vring.DriverModel;
import io.ashlar.vduse.vring.DriverModel.Piece;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.BitSet;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;

/** A device and a model of the kernel: real loops, real eventfds, real mappings. */
abstract class BridgedDeviceFixture {
    static final int IN = 0;
    static final int OUT = 1;
    static final int WAIT_SECONDS = 60;
    /** Header, data and status of request n of a queue lie in three pages of the bounce window. */
    static final int PAGES = 3;

    @TempDir
    Path folder;

    EpollLoops controls;
    EpollLoop control;
    EpollLoops data;
    BitSet cpus;
    AffinityWatch watch;
    CpuWatch cpuWatch;
    volatile BitSet online;
    final List<Integer> back = new CopyOnWriteArrayList<>();
    FakeKernel kernel;
    HeldDevice volume;
    BridgedDevice device;
    FakeAffinity affinity;
    DeviceLog log;
    DriverModel[] rings;
    int nextRequest;

    @BeforeEach
    void start() throws Exception {
        cpus = EpollLoops.allowedCpus();
        online = cpus;
        controls = EpollLoops.floating("control", 1);
        control = controls.all().get(0);
        data = EpollLoops.pinned("data", cpus);
        watch = control.eventLoop().submit(() -> AffinityWatch.start(control)).get();
        kernel = new FakeKernel(folder.resolve("memory"), 2);
        volume = new HeldDevice(1 << 20);
        affinity = new FakeAffinity(2);
        log = DeviceLog.ofThisProcess(
                new DeviceIdentity(new UUID(1, 2), "ashlar-test", -1, 2, FakeKernel.RING_SIZE, 0));
        device = newDevice();
        control.eventLoop().submit(device::open).get();
    }

    BridgedDevice newDevice() {
        VirtioBlkConfig config = new VirtioBlkConfig(volume.geometry(), "serial", 2, 16, 1 << 16, true, true);
        QueuePlacement placement = new QueuePlacement(cpus, false);
        cpuWatch = new CpuWatch(this::online, placement, back::add);
        var loops = new BridgedDevice.Loops(control, data, placement, watch, cpuWatch);
        return new BridgedDevice("ashlar-test", kernel, config, volume, loops, affinity, log);
    }

    BitSet online() throws IOException {
        if (online == null) {
            throw new IOException("nobody knows");
        }
        return (BitSet) online.clone();
    }

    @AfterEach
    void end() throws Exception {
        volume.letGo();
        close(device);
        assertThat(Files.readString(Path.of("/proc/self/maps")).lines().filter(line -> line.endsWith("/memory")))
                .as("mappings left: only the driver's own")
                .hasSize(1);
        control.eventLoop().submit(watch::close).get();
        data.close();
        controls.close();
        kernel.destroy();
    }

    void close(BridgedDevice closing) throws Exception {
        CompletableFuture<Void> closed = new CompletableFuture<>();
        control.execute(() -> closing.close(() -> closed.complete(null)));
        closed.get(WAIT_SECONDS, TimeUnit.SECONDS);
    }

    void bindDriver() throws Exception {
        rings = new DriverModel[] {kernel.newRings(0), kernel.newRings(1)};
        for (DriverModel ring : rings) {
            ring.enableCalls();
        }
        for (int status : new int[] {0, 1, 3}) {
            assertThat(status(status)).isTrue();
        }
        kernel.negotiate(1L << 33 | 1L << 32 | 1L << 29 | 1L << 28);
        assertThat(status(0xB)).isTrue();
        assertThat(status(0xF)).isTrue();
    }

    boolean status(int status) throws Exception {
        return kernel.sendStatus(status).get(WAIT_SECONDS, TimeUnit.SECONDS);
    }

    /** Offers a request for 4 KiB; returns the first byte of its pages. */
    int offer(int queue, int type, int block, int fill) {
        int at = 4096 * (PAGES * nextRequest++ + 1);
        kernel.mapData();
        ByteBuffer memory = kernel.memory();
        memory.putInt(at, type).putInt(at + 4, 0).putLong(at + 8, block * 8L);
        for (int i = 0; i < 4096; i++) {
            memory.put(at + 4096 + i, (byte) fill);
        }
        memory.put(at + 8192, (byte) 0xEE);
        int head = rings[queue].chain(List.of(
                new Piece(at, 16, false), new Piece(at + 4096, 4096, type == IN), new Piece(at + 8192, 1, true)));
        rings[queue].offer(head);
        if (rings[queue].show()) {
            kernel.kick(queue);
        }
        return at;
    }

    int statusOf(int at) {
        return kernel.memory().get(at + 8192);
    }

    /** Waits for the device's interrupt, as a driver does. */
    void awaitUsed(int queue) throws InterruptedException {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(WAIT_SECONDS);
        while (!rings[queue].poll()) {
            if (!kernel.awaitInterrupt()) {
                assertThat(System.nanoTime()).as("no answer from the device").isLessThan(deadline);
            }
        }
        rings[queue].enableCalls();
    }

    /** The CPU of queue 0's loop. */
    BitSet served() throws Exception {
        return bit(control.eventLoop().submit(device::queueCpus).get().get(0));
    }

    void setOnline(BitSet now) throws Exception {
        online = now;
        control.eventLoop().submit(cpuWatch::check).get();
    }

    BitSet without(BitSet gone) {
        BitSet rest = (BitSet) cpus.clone();
        rest.andNot(gone);
        return rest;
    }

    String arrival() throws InterruptedException {
        String loop = volume.arrivals.poll(WAIT_SECONDS, TimeUnit.SECONDS);
        assertThat(loop).as("no request reached the volume").isNotNull();
        return loop;
    }

    BitSet first() {
        return bit(cpus.nextSetBit(0));
    }

    BitSet last() {
        return bit(cpus.length() - 1);
    }

    static BitSet bit(int cpu) {
        BitSet set = new BitSet();
        set.set(cpu);
        return set;
    }

    /** Masks in files, so that inotify sees a change as it does in /sys. */
    final class FakeAffinity implements QueueAffinity {
        FakeAffinity(int queues) throws IOException {
            for (int i = 0; i < queues; i++) {
                set(i, cpus);
            }
        }

        void set(int queue, BitSet mask) throws IOException {
            Files.writeString(file(queue), CpuMask.format(mask), StandardCharsets.US_ASCII);
        }

        @Override
        public BitSet read(int queue) throws IOException {
            String text = Files.readString(file(queue), StandardCharsets.US_ASCII);
            // Between truncation and writing, which /sys does not know, the file is empty.
            return text.isEmpty() ? new BitSet() : CpuMask.parse(text);
        }

        @Override
        public void write(int queue, BitSet mask) throws IOException {
            set(queue, mask);
        }

        @Override
        public Path file(int queue) {
            return folder.resolve("vq" + queue);
        }
    }
}
