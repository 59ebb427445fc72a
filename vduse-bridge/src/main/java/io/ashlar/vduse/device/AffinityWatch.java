package io.ashlar.vduse.device;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.net.EpollLoop;
import io.ashlar.base.sys.Errno;
import io.ashlar.base.sys.Linux;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Tells when somebody may have changed a file of /sys: by inotify, which reports writes there, and every five seconds,
 * for what inotify does not report. The listeners look for themselves whether anything is different.
 */
@ConfinedTo(LoopKind.CONTROL)
public final class AffinityWatch implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(AffinityWatch.class);
    /** IN_MODIFY | IN_CLOSE_WRITE, linux/inotify.h. */
    private static final int CHANGES = 0x2 | 0x8;

    private static final long CHECK_NS = TimeUnit.SECONDS.toNanos(5);
    private static final int BUFFER_BYTES = 4096;
    /** struct inotify_event, linux/inotify.h: wd 0:4, mask 4:4, cookie 8:4, len 12:4, name 16:len. */
    private static final int EVENT_BYTES = 16;

    private static final int NAME_LENGTH_OFFSET = 12;

    private final EpollLoop loop;
    private final Map<Path, Runnable> listeners = new HashMap<>();
    private final Map<Integer, Path> watches = new HashMap<>();
    private final ByteBuf events = Unpooled.directBuffer(BUFFER_BYTES);
    private final int inotify;
    private final EpollRegistration registration;
    private boolean closed;

    private AffinityWatch(EpollLoop loop, int inotify) {
        this.loop = loop;
        this.inotify = inotify;
        registration = inotify < 0 ? null : EpollRegistration.register(loop, inotify, ops -> onEvents());
    }

    /** Starts to watch nothing yet; called on the loop. */
    public static AffinityWatch start(EpollLoop loop) {
        int inotify = Linux.inotify();
        if (inotify < 0) {
            LOG.warn("no inotify ({}); changed affinities are seen within 5 s", Errno.describe(inotify));
        }
        AffinityWatch watch = new AffinityWatch(loop, inotify);
        loop.schedule(watch::checkOften, CHECK_NS);
        return watch;
    }

    /** Calls the listener whenever the file may have changed. */
    void add(Path file, Runnable listener) {
        loop.assertInLoop();
        listeners.put(file, listener);
        if (inotify >= 0) {
            int watch = Linux.watch(inotify, file.toString(), CHANGES);
            if (watch >= 0) {
                watches.put(watch, file);
            }
        }
    }

    /** Forgets a file. Its inotify watch ends with the file itself. */
    void remove(Path file) {
        loop.assertInLoop();
        listeners.remove(file);
        watches.values().remove(file);
    }

    private void onEvents() {
        long length = Linux.read(inotify, events.memoryAddress(), BUFFER_BYTES);
        while (length > 0) {
            int at = 0;
            while (at + EVENT_BYTES <= length) {
                changed(watches.get(events.getIntLE(at)));
                at += EVENT_BYTES + events.getIntLE(at + NAME_LENGTH_OFFSET);
            }
            length = Linux.read(inotify, events.memoryAddress(), BUFFER_BYTES);
        }
    }

    private void changed(Path file) {
        Runnable listener = file == null ? null : listeners.get(file);
        if (listener != null) {
            listener.run();
        }
    }

    private void checkOften() {
        if (!closed) {
            loop.schedule(this::checkOften, CHECK_NS); // first, so that a listener's mistake ends one look only
            check();
        }
    }

    /** Lets all listeners look; called on the loop. */
    void check() {
        List.copyOf(listeners.values()).forEach(Runnable::run);
    }

    /** Stops watching; called on the loop. */
    @Override
    public void close() {
        if (!closed) {
            closed = true;
            events.release();
            if (inotify >= 0) {
                registration.cancel();
                Linux.close(inotify);
            }
        }
    }
}
