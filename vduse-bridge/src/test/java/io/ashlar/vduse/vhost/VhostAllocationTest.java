package io.ashlar.vduse.vhost;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import io.ashlar.base.block.BlockGeometry;
import io.ashlar.base.block.NullBlockDevice;
import io.ashlar.base.net.EpollLoop;
import io.ashlar.base.net.EpollLoops;
import io.ashlar.vduse.blk.VirtioBlkConfig;
import io.ashlar.vduse.device.AffinityWatch;
import io.ashlar.vduse.device.BridgedDevice;
import io.ashlar.vduse.device.CpuWatch;
import io.ashlar.vduse.device.QueuePlacement;
import io.ashlar.vduse.vring.DriverModel;
import io.netty.util.ResourceLeakDetector;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.BitSet;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * What a data loop allocates per request of a front end in the steady state: rings and log in shared memory, kicks and calls
 * through eventfds; {@code -Dallocation.ios=1000000} counts over a million.
 */
class VhostAllocationTest {
    private static final int WARM = 150_000;
    private static final int COUNTED = Integer.getInteger("allocation.ios", 300_000);
    private static final int SIZE = 1 << 20;
    private static final int WAIT_SECONDS = 60;
    /** Requests of three descriptors each. */
    private static final int DEPTH = FrontEndModel.RING_SIZE / 3;

    private static final int DATA = 1 << 16;

    private final ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    private ResourceLeakDetector.Level levelBefore;

    @TempDir
    Path folder;

    @BeforeEach
    void countNoLeaks() {
        levelBefore = ResourceLeakDetector.getLevel();
        ResourceLeakDetector.setLevel(ResourceLeakDetector.Level.DISABLED); // it allocates for each buffer
    }

    @AfterEach
    void countLeaks() {
        ResourceLeakDetector.setLevel(levelBefore);
    }

    @Test
    void shouldAllocateAtMostAByteARequestWhenReadsWritesAndFlushesAreMixed() throws Exception {
        BitSet cpu = new BitSet();
        cpu.set(EpollLoops.allowedCpus().nextSetBit(0));
        EpollLoops controls = EpollLoops.floating("control", 1);
        EpollLoop control = controls.all().get(0);
        EpollLoops data = EpollLoops.pinned("data", cpu);
        QueuePlacement placement = new QueuePlacement(cpu, false);
        BridgedDevice.Loops loops = on(
                control,
                () -> new BridgedDevice.Loops(
                        control,
                        data,
                        placement,
                        AffinityWatch.start(control),
                        CpuWatch.start(control, placement, data)));
        BlockGeometry geometry = new BlockGeometry(SIZE, 512, false);
        VirtioBlkConfig config = new VirtioBlkConfig(geometry, "null", 1, 64, 4096, true, true);
        VhostUserDevice device = new VhostUserDevice(
                "null", config, new NullBlockDevice(geometry), loops, VhostStand.identity("null", 1));
        Path path = folder.resolve("s");
        on(control, () -> {
            device.open(path);
            return null;
        });
        double perRequest;
        try (FrontEndModel front = connect(path)) {
            run(front, WARM);
            long before = allocatedBy(data.all().get(0));
            run(front, COUNTED);
            perRequest = (double) (allocatedBy(data.all().get(0)) - before) / COUNTED;
        }
        System.out.printf("allocated per request %.3f bytes; %d%n", perRequest, COUNTED);
        assertThat(perRequest).as("bytes allocated per request").isLessThanOrEqualTo(1);
        CompletableFuture<Void> closed = new CompletableFuture<>();
        control.execute(() -> device.close(() -> closed.complete(null)));
        closed.get(WAIT_SECONDS, TimeUnit.SECONDS);
        on(control, () -> {
            loops.watch().close();
            return null;
        });
        data.close();
        controls.close();
    }

    private static <T> T on(EpollLoop loop, Callable<T> task) throws Exception {
        return loop.eventLoop().submit(task).get(WAIT_SECONDS, TimeUnit.SECONDS);
    }

    private long allocatedBy(EpollLoop loop) throws Exception {
        return on(
                loop,
                () -> threads.getThreadAllocatedBytes(Thread.currentThread().getId()));
    }

    /** Connects a front end that keeps a log, with a fixed set of requests in its ring. */
    private static FrontEndModel connect(Path path) throws Exception {
        FrontEndModel front = new FrontEndModel(path);
        front.negotiate();
        FrontEndModel.Region memory = front.memory(0x10_0000, SIZE);
        front.rings(memory, 1, 0);
        front.setMemory();
        assertThat(front.setLog(front.newLog(1), 1)).isTrue();
        front.describe(0, 0);
        front.enable(0);
        DriverModel ring = front.rings.get(0);
        for (int i = 0; i < DEPTH; i++) {
            request(ring, memory.memory(), memory.guest(), i);
        }
        while (ring.freeCount() > 0) {
            ring.take();
        }
        return front;
    }

    private static void request(DriverModel ring, ByteBuffer memory, long guest, int i) {
        int type = i % 7 == 0 ? 4 : i % 2; // flush, read, write
        int at = DATA + 2 * 4096 * i;
        memory.putInt(at, type).putLong(at + 8, type == 4 ? 0 : i * 8L);
        boolean flush = type == 4;
        ring.descriptor(3 * i, guest + at, 16, DriverModel.F_NEXT, flush ? 3 * i + 2 : 3 * i + 1);
        int direction = type == 0 ? DriverModel.F_WRITE : 0;
        ring.descriptor(3 * i + 1, guest + at + 4096, 4096, DriverModel.F_NEXT | direction, 3 * i + 2);
        ring.descriptor(3 * i + 2, guest + at + 1024, 1, DriverModel.F_WRITE, 0);
    }

    private static void run(FrontEndModel front, int requests) throws TimeoutException {
        DriverModel ring = front.rings.get(0);
        for (int served = 0; served < requests; served += DEPTH) {
            for (int i = 0; i < DEPTH; i++) {
                ring.offer(3 * i);
            }
            if (ring.show()) {
                front.kick(0);
            }
            for (int i = 0; i < DEPTH; i++) {
                awaitUsed(front, ring);
                ring.take();
            }
        }
    }

    private static void awaitUsed(FrontEndModel front, DriverModel ring) throws TimeoutException {
        long deadlineNs = System.nanoTime() + TimeUnit.SECONDS.toNanos(WAIT_SECONDS);
        while (!ring.poll()) {
            while (!ring.enableCalls() && !front.signalled(front.calls.get(0))) {
                if (System.nanoTime() > deadlineNs) {
                    throw new TimeoutException("not called");
                }
                LockSupport.parkNanos(1);
            }
        }
    }
}
