package io.ashlar.bench.ring;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.block.BlockGeometry;
import io.ashlar.base.block.NullBlockDevice;
import io.ashlar.vduse.blk.QueueCounters;
import io.ashlar.vduse.blk.QueueEvents;
import io.ashlar.vduse.blk.VirtioBlkConfig;
import io.ashlar.vduse.blk.VirtioBlkQueue;
import io.ashlar.vduse.inflight.ForgottenLog;
import io.ashlar.vduse.inflight.InflightException;
import io.ashlar.vduse.inflight.QueueRegion;
import io.ashlar.vduse.vring.ManualLoop;
import io.ashlar.vduse.vring.SplitVirtqueue;
import io.ashlar.vduse.vring.SteadyDriver;
import io.ashlar.vduse.vring.VringException;
import io.ashlar.vduse.vring.VringFault;
import io.ashlar.vduse.vring.VringOptions;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/**
 * Nanoseconds per 4 KiB request through the virtqueue engine at depth 64, the model driver's own work included: offer 64
 * requests of three descriptors, kick, serve them with the null device, publish, reap. No data is copied. With and
 * without the log of requests in flight, whose cost is the difference. Run with the GC profiler to see the bytes allocated
 * per request:
 *
 * <pre>
 *   bench/micro VirtqueueBenchmark -prof gc
 * </pre>
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 3, time = 2)
@Measurement(iterations = 5, time = 2)
@Fork(1)
@ConfinedTo(LoopKind.OWNER)
public class VirtqueueBenchmark implements QueueEvents {
    private static final int DEPTH = 64;
    private static final int QUEUE_SIZE = 256;

    /** READ (0) or WRITE (1), as in the request header. */
    @Param({"0", "1"})
    public int type;

    /** Suppression by index or by flag. */
    @Param({"true", "false"})
    public boolean eventIdx;

    /** Whether the requests in flight are logged; the product never leaves that out. */
    @Param({"true", "false"})
    public boolean log;

    private SteadyDriver driver;
    private VirtioBlkQueue queue;
    private long calls;

    /** Opens a queue over memory that the driver has laid out. */
    @Setup
    public void open() throws VringException, InflightException {
        driver = new SteadyDriver(DEPTH, type, eventIdx);
        BlockGeometry geometry = new BlockGeometry(1L << 30, 512, false);
        VirtioBlkConfig config = new VirtioBlkConfig(geometry, "null", 1, QUEUE_SIZE, 1 << 20, eventIdx, false);
        VringOptions options = new VringOptions(eventIdx, false);
        QueueRegion region = log ? QueueRegion.ofThisProcess(QUEUE_SIZE) : ForgottenLog.region(QUEUE_SIZE);
        if (log) {
            region.reset(QUEUE_SIZE, 0);
        }
        SplitVirtqueue vring = SplitVirtqueue.recover(driver.layout(), options, driver.map(), region);
        queue = new VirtioBlkQueue(
                new ManualLoop(),
                new NullBlockDevice(geometry),
                config,
                vring,
                driver.map(),
                this,
                new QueueCounters());
    }

    /** Serves {@value #DEPTH} requests; returns how many came back. */
    @Benchmark
    @OperationsPerInvocation(DEPTH)
    public int serve() {
        if (driver.offerAll()) {
            queue.onKick();
        }
        int served = driver.reap();
        if (served != DEPTH) {
            throw new IllegalStateException("served " + served);
        }
        return served;
    }

    @Override
    public void call() {
        calls++;
    }

    @Override
    public void broken(VringFault fault) {
        throw new IllegalStateException("broken: " + fault + " after " + calls + " calls");
    }
}
