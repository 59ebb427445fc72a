package io.ashlar.vduse.device;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.net.EpollLoop;
import io.ashlar.base.net.EpollLoops;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.IntConsumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Notices CPUs that go offline and come back, once a second. It matters more than it seems: {@code VDUSE_VQ_INJECT_IRQ}
 * looks for an online CPU in the queue's affinity mask until it finds one (drivers/vdpa/vdpa_user/vduse_dev.c,
 * vduse_vq_update_effective_cpu), so a loop whose queue's mask has none left spins in the kernel until the mask is
 * rewritten, which nobody but {@link QueueSpread} does. Until then that loop's volumes stand still.
 *
 * <p>Threads pinned to a CPU that goes away are moved by the kernel, and stay free when it comes back; so they are pinned
 * again.
 */
@ConfinedTo(LoopKind.CONTROL)
public final class CpuWatch {
    private static final Logger LOG = LoggerFactory.getLogger(CpuWatch.class);
    private static final Path ONLINE = Path.of("/sys/devices/system/cpu/online");
    private static final long CHECK_NS = TimeUnit.SECONDS.toNanos(1);

    /** Where the set of online CPUs comes from; elsewhere in tests. */
    interface Source {
        /** Returns the CPUs that are online now. */
        BitSet read() throws IOException;
    }

    private final Source source;
    private final QueuePlacement placement;
    private final IntConsumer whenBack;
    private final List<Runnable> listeners = new ArrayList<>();
    private BitSet online = new BitSet();

    /**
     * Creates one that looks when {@link #check} is called.
     *
     * @param whenBack gets each CPU that has come back
     */
    CpuWatch(Source source, QueuePlacement placement, IntConsumer whenBack) {
        this.source = source;
        this.placement = placement;
        this.whenBack = whenBack;
        check();
    }

    /** Starts to look once a second; called on the loop. */
    public static CpuWatch start(EpollLoop loop, QueuePlacement placement, EpollLoops data) {
        CpuWatch watch = new CpuWatch(new OnlineCpus(ONLINE), placement, data::pinAgain);
        watch.checkLater(loop);
        return watch;
    }

    private void checkLater(EpollLoop loop) {
        loop.schedule(
                () -> {
                    checkLater(loop); // first, so that a listener's mistake ends one look and not the watch
                    check();
                },
                CHECK_NS);
    }

    /** Calls the listener after each change of {@link #online()}. */
    void add(Runnable listener) {
        listeners.add(listener);
    }

    void remove(Runnable listener) {
        listeners.remove(listener);
    }

    /** Returns the CPUs that are online, as far as is known. */
    BitSet online() {
        return online;
    }

    /** Looks whether anything has changed. */
    void check() {
        BitSet now;
        try {
            now = source.read();
        } catch (IOException | IllegalArgumentException e) {
            LOG.debug("can't tell which CPUs are online", e);
            return;
        }
        if (now.equals(online)) {
            return;
        }
        BitSet back = (BitSet) now.clone();
        back.andNot(online);
        boolean first = online.isEmpty();
        online = now;
        placement.setOnline(now);
        if (!first) {
            LOG.info("online CPUs are now {}", now);
            back.stream().forEach(whenBack);
            List.copyOf(listeners).forEach(Runnable::run);
        }
    }
}
