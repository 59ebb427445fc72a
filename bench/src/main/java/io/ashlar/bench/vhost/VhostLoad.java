package io.ashlar.bench.vhost;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.net.EpollLoop;
import io.ashlar.base.net.EpollLoops;
import io.ashlar.base.sys.Linux;
import io.ashlar.lab.guest.GuestDisk;
import java.nio.file.Path;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;

/**
 * A load generator over vhost-user for {@code bench/native tail} and {@code scaling}, which knows nothing of the back end that it
 * talks to. Prints one line of JSON, {@link LoadResult#json}, or says what went wrong and exits with 1.
 */
@ConfinedTo(LoopKind.OWNER)
public final class VhostLoad {
    private static final long SIZE_BYTES = 512L << 20;
    /** prctl option PR_SET_TIMERSLACK (linux/prctl.h): else the kernel wakes the loop up to 50 µs after a request is due. */
    private static final int SET_TIMER_SLACK = 29;

    private VhostLoad() {}

    /** Runs one load on the first 512 MiB of a disk: {@code SOCKET read|write QUEUES DEPTH RATE WARM_SECONDS SECONDS}. */
    public static void main(String[] words) throws Exception {
        LoadPlan plan = new LoadPlan(
                words[1].equals("read") ? GuestDisk.IN : GuestDisk.OUT,
                Integer.parseInt(words[2]),
                Integer.parseInt(words[3]),
                Long.parseLong(words[4]),
                SIZE_BYTES,
                TimeUnit.SECONDS.toNanos(Long.parseLong(words[5])),
                TimeUnit.SECONDS.toNanos(Long.parseLong(words[6])));
        try (EpollLoops loops = EpollLoops.floating("load", 1);
                GuestDisk disk = new GuestDisk(Path.of(words[0]).toAbsolutePath(), plan.queues(), false)) {
            disk.connect();
            EpollLoop loop = loops.all().get(0);
            loop.eventLoop().submit(() -> Linux.prctl(SET_TIMER_SLACK, 1)).sync();
            System.out.println(new DiskLoad(loop, disk, plan, DiskLoad.PATIENCE_NS)
                    .start()
                    .get()
                    .json());
        } catch (ExecutionException e) {
            System.err.println(e.getCause().getMessage());
            System.exit(1);
        }
    }
}
