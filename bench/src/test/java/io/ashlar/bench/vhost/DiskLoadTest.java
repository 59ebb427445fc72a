package io.ashlar.bench.vhost;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.ashlar.base.block.BlockDevice;
import io.ashlar.base.block.BlockGeometry;
import io.ashlar.base.block.BlockQueue;
import io.ashlar.base.block.BlockRequest;
import io.ashlar.base.loop.Loop;
import io.ashlar.base.net.EpollLoops;
import io.ashlar.base.status.Status;
import io.ashlar.lab.guest.GuestDisk;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The load against a disk of which everything is known. Bounds are lower ones: a busy machine only makes latencies longer. */
class DiskLoadTest {
    private static final long SIZE_BYTES = 64L << 20;
    private static final long STALL_NS = TimeUnit.MILLISECONDS.toNanos(400);

    private final EpollLoops control = EpollLoops.floating("control", 1);
    private final EpollLoops data = EpollLoops.pinned("data", EpollLoops.allowedCpus());
    private final EpollLoops load = EpollLoops.floating("load", 1);

    @TempDir
    Path folder;

    @AfterEach
    void endLoops() {
        load.close();
        data.close();
        control.close();
    }

    @Test
    void shouldCountTheWaitOfEveryRequestThatWasDueWhileTheDiskStoodStill() throws Exception {
        LoadPlan plan = plan(GuestDisk.IN, 1, 4, 1000);
        LoadResult result = run(plan, new KnownDevice(200, Status.OK));
        assertThat(result.kept()).isTrue();
        assertThat(result.total()).isEqualTo(1000);
        assertThat(result.latencies().getTotalCount()).isEqualTo(1000);
        // 400 requests were due during the stall, and waited half of it on average; four of them could be offered.
        assertThat(result.latencies().getMaxValue()).isGreaterThanOrEqualTo(STALL_NS * 99 / 100);
        assertThat(result.latencies().getCountBetweenValues(STALL_NS / 2, Long.MAX_VALUE))
                .isGreaterThanOrEqualTo(195);
        assertThat(result.delays().getCountBetweenValues(STALL_NS / 2, Long.MAX_VALUE))
                .isGreaterThanOrEqualTo(190);
    }

    @Test
    void shouldKeepEveryQueueBusyWithoutRate() throws Exception {
        KnownDevice device = new KnownDevice(-1, Status.OK);
        LoadResult result = run(plan(GuestDisk.OUT, 3, 8, 0), device);
        assertThat(result.total()).isEqualTo(device.served.get()).isGreaterThan(1000);
        assertThat(result.requestsPerSecond()).isPositive();
        assertThat(result.json()).startsWith("{\"queues\":3,\"depth\":8,\"asked\":0,\"total\":");
    }

    @Test
    void shouldMeasureNothingOfADiskThatFails() {
        assertThatThrownBy(() -> run(plan(GuestDisk.IN, 1, 4, 0), new KnownDevice(-1, Status.IO_ERROR)))
                .hasMessageContaining("an I/O error");
    }

    @Test
    void shouldSayThatADiskCouldNotKeepTheRateAndLeaveNothingInFlight() throws Exception {
        LoadPlan plan = plan(GuestDisk.IN, 1, 4, 10_000_000); // an eventfd alone takes longer
        KnownDevice device = new KnownDevice(-1, Status.OK);
        LoadResult result = run(plan, device, 0);
        assertThat(result.kept()).isFalse();
        assertThat(result.total()).isEqualTo(device.served.get()).isBetween(1L, 9_999_999L);
        assertThat(result.json()).contains("\"asked\":10000000,").contains("\"kept\":false,");
    }

    private static LoadPlan plan(int type, int queues, int depth, long rate) {
        return new LoadPlan(type, queues, depth, rate, SIZE_BYTES, 0, TimeUnit.SECONDS.toNanos(1));
    }

    private LoadResult run(LoadPlan plan, BlockDevice device) throws Exception {
        return run(plan, device, DiskLoad.PATIENCE_NS);
    }

    private LoadResult run(LoadPlan plan, BlockDevice device, long patienceNs) throws Exception {
        Path socket = folder.resolve("disk");
        Runnable end =
                NullVhostUser.serve(socket, device, plan.queues(), control.all().get(0), data);
        try (GuestDisk disk = new GuestDisk(socket, plan.queues(), false)) {
            disk.connect();
            return new DiskLoad(load.all().get(0), disk, plan, patienceNs)
                    .start()
                    .get();
        } finally {
            end.run();
        }
    }

    /** Answers at once with one status, but before one request its loop stands still. */
    private static final class KnownDevice implements BlockDevice {
        private final long stallAt;
        private final Status status;
        private final AtomicLong served = new AtomicLong();

        KnownDevice(long stallAt, Status status) {
            this.stallAt = stallAt;
            this.status = status;
        }

        @Override
        public BlockGeometry geometry() {
            return new BlockGeometry(SIZE_BYTES, 4096, false);
        }

        @Override
        public BlockQueue openQueue(Loop loop, Runnable completionsEnded) {
            return new BlockQueue() {
                @Override
                public void submit(BlockRequest request) {
                    if (served.getAndIncrement() == stallAt) {
                        long startNs = System.nanoTime();
                        while (System.nanoTime() - startNs < STALL_NS) {
                            Thread.onSpinWait();
                        }
                    }
                    request.complete(status);
                }

                @Override
                public void endBatch() {}

                @Override
                public void close() {}
            };
        }

        @Override
        public void onGeometryChange(Runnable listener) {}

        @Override
        public void close() {}
    }
}
