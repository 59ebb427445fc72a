package io.ashlar.vduse.blk;

import static org.assertj.core.api.Assertions.assertThat;

import io.ashlar.base.block.BlockGeometry;
import io.ashlar.vduse.inflight.InflightException;
import io.ashlar.vduse.inflight.QueueRegion;
import io.ashlar.vduse.vring.Access;
import io.ashlar.vduse.vring.DriverModel;
import io.ashlar.vduse.vring.GuestMemory;
import io.ashlar.vduse.vring.ManualLoop;
import io.ashlar.vduse.vring.MemoryMap;
import io.ashlar.vduse.vring.SplitVirtqueue;
import io.ashlar.vduse.vring.VringException;
import io.ashlar.vduse.vring.VringFault;
import io.ashlar.vduse.vring.VringOptions;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.Random;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.ShrinkingMode;

/**
 * Random valid and faulty requests from a model driver against a model of the volume, over all ring sizes, splits, features and
 * orders of completion. The driver kicks only when asked to and looks at the used ring only when called: a lost notification is a
 * request that never ends.
 */
class VirtioBlkTrafficTest implements QueueEvents {
    private static final long RINGS = 0x4000_0000L;
    private static final long DATA = 0xFFFF_FFFF_0000_0000L;
    private static final int ARENA_BYTES = 40 << 10;
    private static final int ARENAS = 48;

    private final GuestMemory guest = new GuestMemory(ARENAS * ARENA_BYTES + (64 << 10))
            .region(RINGS, 32 << 10, Access.READ_WRITE)
            .region(DATA, ARENAS * ARENA_BYTES, Access.READ_WRITE);
    private final MemoryMap map = guest.map();
    private final ByteBuffer data = guest.at(DATA);
    private final ManualLoop loop = new ManualLoop();

    private Random random;
    private QueueRegion log;
    private DriverModel driver;
    private DelayingDevice device;
    private RequestModel requests;
    private VirtioBlkQueue queue;
    private int callsUnseen;

    @Override
    public void call() {
        callsUnseen++;
    }

    @Override
    public void broken(VringFault fault) {
        throw new AssertionError("broken by " + fault);
    }

    @Property(tries = 250, shrinking = ShrinkingMode.OFF)
    void shouldServeRandomTrafficLikeArray(@ForAll long seed) throws VringException, InflightException {
        run(new Random(seed), 400);
    }

    @Example
    void shouldServeLongTrafficAcrossIndexWrap() throws VringException, InflightException {
        run(new Random(42), 60_000);
    }

    private void run(Random seeded, int steps) throws VringException, InflightException {
        random = seeded;
        int num = 4 << random.nextInt(9);
        boolean eventIdx = random.nextBoolean();
        boolean indirect = random.nextBoolean();
        int start = random.nextBoolean() ? 0 : 65536 - random.nextInt(num) - 1;
        BlockGeometry geometry = new BlockGeometry(1 << 20, random.nextBoolean() ? 512 : 4096, random.nextInt(8) == 0);
        VirtioBlkConfig config =
                new VirtioBlkConfig(geometry, "serial-of-20-charact", 1, num, 4096, eventIdx, indirect);
        device = new DelayingDevice(geometry, random, random.nextInt(3) * 50);
        random.nextBytes(device.content);
        driver = new DriverModel(guest.at(RINGS), RINGS, num, eventIdx, start);
        requests = new RequestModel(config, device.content.clone(), driver, data, DATA, ARENA_BYTES, random);
        callsUnseen = 0;
        VringOptions options = new VringOptions(eventIdx, indirect);
        log = QueueRegion.ofThisProcess(num);
        log.reset(num, start);
        open(config, options);

        for (int i = 0; i < steps; i++) {
            step();
            if (random.nextInt(2000) == 0) {
                move(config, options);
            }
        }
        drain();
        assertThat(requests.inFlightCount()).as("requests never answered").isZero();
        assertThat(Arrays.equals(device.content, requests.volume()))
                .as("volume")
                .isTrue();
        assertThat(guest.guardsIntact()).isTrue();
        queue.stop(StopMode.DRAIN, () -> callsUnseen++);
        assertThat(callsUnseen).isEqualTo(1);
    }

    private void open(VirtioBlkConfig config, VringOptions options) throws VringException, InflightException {
        SplitVirtqueue vring = SplitVirtqueue.recover(driver.layout(), options, map, log);
        queue = new VirtioBlkQueue(loop, device, config, vring, map, this, new QueueCounters());
        queue.onKick();
    }

    /** As to another loop: drained here, opened there. */
    private void move(VirtioBlkConfig config, VringOptions options) throws VringException, InflightException {
        boolean[] stopped = new boolean[1];
        queue.stop(StopMode.DRAIN, () -> stopped[0] = true);
        while (device.pendingCount() > 0) {
            device.complete(3);
        }
        loop.runAll();
        assertThat(stopped[0]).isTrue();
        assertThat(device.closed()).isTrue();
        open(config, options);
    }

    private void step() {
        switch (random.nextInt(6)) {
            case 0, 1 -> {
                for (int i = random.nextInt(8); i >= 0 && requests.hasRoom(ARENAS); i--) {
                    requests.offer();
                }
                if (driver.show()) {
                    queue.onKick();
                }
            }
            case 2 -> {
                assertThat(requests.unansweredCount()).isGreaterThanOrEqualTo(device.pendingCount());
                device.complete(random.nextInt(16));
            }
            case 3 -> loop.runOne();
            case 4 -> {
                if (callsUnseen > 0) {
                    reap();
                }
            }
            default -> {
                if (requests.inFlightCount() == 0) {
                    requests.offerSeveralRanges();
                    if (driver.show()) {
                        queue.onKick();
                    }
                    drain();
                }
            }
        }
        assertThat(device.batchOpen()).as("submitted, but the batch not ended").isFalse();
    }

    /** Lets everything happen that happens without another kick. */
    private void drain() {
        while (device.pendingCount() > 0 || callsUnseen > 0 || loop.runAll() > 0) {
            device.complete(1 + random.nextInt(16));
            if (callsUnseen > 0) {
                reap();
            }
        }
    }

    private void reap() {
        callsUnseen = 0;
        do {
            driver.disableCalls();
            while (driver.poll()) {
                requests.check(driver.usedId(), driver.usedLen());
            }
        } while (driver.enableCalls());
    }
}
