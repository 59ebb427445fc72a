package io.ashlar.vduse.blk;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import io.ashlar.base.block.BlockGeometry;
import io.ashlar.base.block.NullBlockDevice;
import io.ashlar.vduse.vring.ManualLoop;
import io.ashlar.vduse.vring.SplitVirtqueue;
import io.ashlar.vduse.vring.SteadyDriver;
import io.ashlar.vduse.vring.VringException;
import io.ashlar.vduse.vring.VringFault;
import io.ashlar.vduse.vring.VringOptions;
import io.ashlar.vduse.vring.VringPosition;
import java.lang.management.ManagementFactory;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class AllocationTest implements QueueEvents {
    private static final int DEPTH = 64;
    private static final int REQUESTS = 1_000_000;

    private int calls;

    @ParameterizedTest
    @CsvSource({"0,true", "1,true", "0,false"})
    void shouldAllocateNothingPerRequest(int type, boolean eventIdx) throws VringException {
        SteadyDriver driver = new SteadyDriver(DEPTH, type, eventIdx);
        BlockGeometry geometry = new BlockGeometry(1 << 30, 512, false);
        VirtioBlkConfig config = new VirtioBlkConfig(geometry, "null", 1, 256, 4096, eventIdx, false);
        SplitVirtqueue vring = new SplitVirtqueue(
                driver.layout(), new VringOptions(eventIdx, false), VringPosition.START, driver.map());
        QueueCounters counters = new QueueCounters();
        VirtioBlkQueue queue = new VirtioBlkQueue(
                new ManualLoop(), new NullBlockDevice(geometry), config, vring, driver.map(), this, counters);
        ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        int warmUp = serve(driver, queue, REQUESTS / 4);

        long before = threads.getCurrentThreadAllocatedBytes();
        int served = serve(driver, queue, REQUESTS);
        long allocated = threads.getCurrentThreadAllocatedBytes() - before;

        assertThat(served).isGreaterThanOrEqualTo(REQUESTS);
        assertThat(calls).isPositive();
        RequestKind kind = type == 0 ? RequestKind.READ : RequestKind.WRITE;
        assertThat(counters.answers(kind, VirtioBlkStatus.OK)).as("counted").isEqualTo(warmUp + served);
        assertThat(allocated).as("bytes for a million requests").isLessThan(REQUESTS);
    }

    private static int serve(SteadyDriver driver, VirtioBlkQueue queue, int requests) {
        int served = 0;
        while (served < requests) {
            if (driver.offerAll()) {
                queue.onKick();
            }
            served += driver.reap();
        }
        return served;
    }

    @Override
    public void call() {
        calls++;
    }

    @Override
    public void broken(VringFault fault) {
        throw new AssertionError("broken by " + fault);
    }
}
