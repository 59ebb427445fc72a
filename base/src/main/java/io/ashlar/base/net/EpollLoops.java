package io.ashlar.base.net;

import io.ashlar.base.annotation.ThreadSafe;
import io.ashlar.base.sys.Errno;
import io.ashlar.base.sys.Linux;
import io.ashlar.base.time.Clock;
import io.netty.channel.IoHandlerFactory;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.epoll.EpollIoHandler;
import io.netty.util.concurrent.FastThreadLocalThread;
import io.netty.util.concurrent.Future;
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

    private final List<MultiThreadIoEventLoopGroup> groups = new ArrayList<>();
    private final List<EpollLoop> loops = new ArrayList<>();

    private EpollLoops() {}

    /** Starts one loop for each CPU of the set, each pinned to its CPU and named {@code prefix-CPU}. */
    public static EpollLoops pinned(String prefix, BitSet cpus) {
        EpollLoops result = new EpollLoops();
        cpus.stream().forEach(cpu -> result.start(prefix + "-" + cpu, cpu, new AdaptivePolling(Clock.SYSTEM)));
        result.loops.forEach(EpollLoops::pin);
        return result;
    }

    /** Starts {@code count} loops that the scheduler may move. */
    public static EpollLoops floating(String prefix, int count) {
        EpollLoops result = new EpollLoops();
        for (int i = 0; i < count; i++) {
            result.start(prefix + "-" + i, -1, null);
        }
        return result;
    }

    /** A group of one, so that it is known which loop waits in which way. */
    private void start(String name, int cpu, AdaptivePolling polling) {
        IoHandlerFactory handlers =
                polling == null ? EpollIoHandler.newFactory() : PollingHandler.newFactory(EVENTS_GROWING, polling);
        ThreadFactory threads = task -> new FastThreadLocalThread(task, name);
        MultiThreadIoEventLoopGroup group = new MultiThreadIoEventLoopGroup(1, threads, handlers);
        groups.add(group);
        group.next()
                .submit(() -> {})
                .syncUninterruptibly(); // starts the thread here, which inherits much from this one
        loops.add(new EpollLoop(group.next(), name, cpu, polling));
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
        return Collections.unmodifiableList(loops);
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
        List<Future<?>> ends = new ArrayList<>();
        for (MultiThreadIoEventLoopGroup group : groups) {
            ends.add(group.shutdownGracefully(0, 5, TimeUnit.SECONDS));
        }
        long deadlineNs = Clock.SYSTEM.nowNs() + TimeUnit.SECONDS.toNanos(10);
        for (Future<?> end : ends) {
            end.awaitUninterruptibly(Math.max(0, deadlineNs - Clock.SYSTEM.nowNs()), TimeUnit.NANOSECONDS);
        }
    }
}
