package io.ashlar.vduse.agent;

import io.ashlar.base.annotation.ThreadSafe;
import java.io.IOException;
import java.nio.file.DirectoryIteratorException;
import java.util.Collection;
import java.util.HashSet;
import java.util.Set;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.ThreadPoolExecutor.DiscardPolicy;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Warns, once for each case, when files of the bridge lie on a disk that it serves. It looks after each attachment and
 * then every minute, since a file system is mounted only after that. It has a thread of its own, which may hang on such a
 * disk without harm.
 */
@ThreadSafe
final class SelfWatch implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(SelfWatch.class);
    private static final long LOOK_SECONDS = 60;

    private final OwnFiles files;
    private final Collection<AttachedVolume> volumes;
    private final Consumer<String> out;
    private final ScheduledThreadPoolExecutor thread =
            new ScheduledThreadPoolExecutor(1, SelfWatch::thread, new DiscardPolicy());
    /** What stands in the log already; the watch's thread's. */
    private final Set<String> known = new HashSet<>();

    /**
     * Starts to watch.
     *
     * @param volumes what is attached; read on the watch's thread
     */
    SelfWatch(OwnFiles files, Collection<AttachedVolume> volumes) {
        this(files, volumes, LOG::warn);
        var unused = thread.scheduleWithFixedDelay(this::look, LOOK_SECONDS, LOOK_SECONDS, TimeUnit.SECONDS);
    }

    SelfWatch(OwnFiles files, Collection<AttachedVolume> volumes, Consumer<String> out) {
        this.files = files;
        this.volumes = volumes;
        this.out = out;
    }

    private static Thread thread(Runnable task) {
        Thread thread = new Thread(task, "bridge-watch");
        thread.setDaemon(true);
        return thread;
    }

    /** Looks now, without making the caller wait. */
    void lookSoon() {
        thread.execute(this::look);
    }

    /** Looks on the calling thread. */
    void look() {
        Set<String> found = new HashSet<>();
        for (AttachedVolume volume : volumes) {
            String disk = volume.disk();
            if (disk == null) {
                continue;
            }
            try {
                for (String what : files.on(disk)) {
                    found.add(
                            "the bridge's " + what + " lies on " + volume.name() + " (/dev/" + disk
                                    + "), which it serves itself: when the node is away, both may wait for each other for ever");
                }
            } catch (IOException | DirectoryIteratorException e) {
                LOG.debug("can't look at {}, it may be going away", disk, e);
            }
        }
        known.retainAll(found);
        for (String warning : found) {
            if (known.add(warning)) {
                out.accept(warning);
            }
        }
    }

    @Override
    public void close() {
        thread.shutdownNow();
    }
}
