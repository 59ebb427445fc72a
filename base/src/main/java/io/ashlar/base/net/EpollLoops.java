package io.ashlar.base.net;

import io.ashlar.base.annotation.ThreadSafe;
import io.ashlar.base.sys.Errno;
import io.ashlar.base.sys.Linux;
import io.ashlar.base.time.Clock;
import io.netty.channel.DefaultSelectStrategyFactory;
import io.netty.channel.IoEventLoop;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.SelectStrategyFactory;
import io.netty.channel.epoll.EpollIoHandler;
import io.netty.util.concurrent.FastThreadLocalThread;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A group of epoll loops, one thread each. Data loops are pinned, one per allowed CPU, and wait with {@link AdaptivePolling};
 * a control loop is not pinned and sleeps at once.
 */
@ThreadSafe
public final class EpollLoops implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(EpollLoops.class);

    /** Bytes of an affinity mask: room for 1024 CPUs, as in the C library's cpu_set_t. */
    private static final int AFFINITY_MASK_BYTES = 128;

    /** Events taken at a time: as many as there are (io.netty.channel.epoll.EpollIoHandler). */
    private static final int EVENTS_GROWING = 0;

    private final MultiThreadIoEventLoopGroup group;
    private final List<EpollLoop> loops;

    private EpollLoops(MultiThreadIoEventLoopGroup group, List<EpollLoop> loops) {
        this.group = group;
        this.loops = Collections.unmodifiableList(loops);
    }

    /** Starts one loop for each CPU of the set, each pinned to its CPU and named {@code prefix-CPU}. */
    public static EpollLoops pinned(String prefix, BitSet cpus) {
        int[] cpuOf = cpus.stream().toArray();
        EpollLoops result = start(prefix, cpuOf.length, cpuOf);
        for (EpollLoop loop : result.loops) {
            pin(loop);
        }
        return result;
    }

    /** Starts {@code count} loops that the scheduler may move. */
    public static EpollLoops floating(String prefix, int count) {
        return start(prefix, count, null);
    }

    private static EpollLoops start(String prefix, int count, int[] cpuOf) {
        SelectStrategyFactory waiting =
                cpuOf == null ? DefaultSelectStrategyFactory.INSTANCE : () -> new AdaptivePolling(Clock.SYSTEM);
        ThreadFactory threads = task -> new FastThreadLocalThread(task, prefix);
        MultiThreadIoEventLoopGroup group =
                new MultiThreadIoEventLoopGroup(count, threads, EpollIoHandler.newFactory(EVENTS_GROWING, waiting));
        List<EpollLoop> loops = new ArrayList<>(count);
        for (int i = 0; i < count; i++) {
            int cpu = cpuOf == null ? -1 : cpuOf[i];
            String name = prefix + "-" + (cpu < 0 ? i : cpu);
            IoEventLoop eventLoop = group.next();
            eventLoop.submit(() -> Thread.currentThread().setName(name)).syncUninterruptibly();
            loops.add(new EpollLoop(eventLoop, name, cpu));
        }
        return new EpollLoops(group, loops);
    }

    private static byte[] maskOf(EpollLoop loop) {
        byte[] mask = new byte[AFFINITY_MASK_BYTES];
        mask[loop.cpu() >> 3] |= (byte) (1 << (loop.cpu() & 7));
        return mask;
    }

    private static void pin(EpollLoop loop) {
        int result = loop.eventLoop()
                .submit(() -> Linux.setAffinity(0, maskOf(loop)))
                .syncUninterruptibly()
                .getNow();
        if (result < 0) {
            throw new IllegalStateException(
                    "can't pin " + loop.name() + " to CPU " + loop.cpu() + ": " + Errno.describe(result));
        }
    }

    /** Returns the CPUs that this process may use. */
    public static BitSet allowedCpus() {
        byte[] mask = new byte[AFFINITY_MASK_BYTES];
        int result = Linux.getAffinity(0, mask);
        if (result < 0) {
            throw new IllegalStateException("sched_getaffinity: " + Errno.describe(result));
        }
        return BitSet.valueOf(mask);
    }

    /** Returns the loops, in the order of their CPUs. */
    public List<EpollLoop> all() {
        return loops;
    }

    /** Returns the loop pinned to the CPU, or null. */
    public EpollLoop ofCpu(int cpu) {
        for (EpollLoop loop : loops) {
            if (loop.cpu() == cpu) {
                return loop;
            }
        }
        return null;
    }

    /** Pins the loop of a CPU that has been offline again: the kernel moves such threads, and does not move them back. */
    public void pinAgain(int cpu) {
        EpollLoop loop = ofCpu(cpu);
        if (loop != null) {
            loop.execute(() -> {
                int result = Linux.setAffinity(0, maskOf(loop));
                if (result < 0) {
                    LOG.warn("can't pin {} to CPU {} again: {}", loop.name(), cpu, Errno.describe(result));
                }
            });
        }
    }

    /** Ends the loops; what is registered with them is closed. Waits up to ten seconds. */
    @Override
    public void close() {
        group.shutdownGracefully(0, 5, TimeUnit.SECONDS).awaitUninterruptibly(10, TimeUnit.SECONDS);
    }
}
