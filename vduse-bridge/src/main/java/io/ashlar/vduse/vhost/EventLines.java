package io.ashlar.vduse.vhost;

import io.ashlar.base.annotation.ThreadSafe;
import io.ashlar.base.net.EpollLoop;
import io.ashlar.base.net.EpollLoops;
import io.ashlar.base.sys.Errno;
import io.ashlar.base.sys.Linux;
import io.ashlar.vduse.device.Countdown;
import io.ashlar.vduse.device.QueuePort;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.nio.ByteBuffer;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * The eventfds of a front end: kicks come in on one for each queue, calls go out on another, and a third says that a queue
 * has broken. The control loop may replace each at any time. Data loops read them without a lock, so a descriptor that was
 * taken away is closed only when every data loop has run a task since: none of them is about to write to it then, and its
 * number can be another file's.
 *
 * <p>Nothing keeps a front end from making a descriptor of its blocking, at any time, and from letting its counter run full:
 * then a loop waits in a write until somebody reads. {@link #relieve} does.
 */
@ThreadSafe
final class EventLines implements QueuePort {
    private static final int NONE = -1;
    /** More than enough to come in between somebody who fills a counter again and again: two were, when it was tried. */
    private static final int READS_MAX = 1000;
    /** RWF_NOWAIT (linux/fs.h). Reads of an eventfd know it, writes don't. */
    private static final int NO_WAIT = 8;

    private final EpollLoop control;
    private final EpollLoops data;
    private final AtomicIntegerArray kicks;
    private final AtomicIntegerArray calls;
    private final AtomicIntegerArray errors;
    /** Those taken away that a loop may still write to. */
    private final Set<Integer> leaving = new HashSet<>();
    /** What is written to an eventfd: 1. */
    private final ByteBuf one =
            Unpooled.wrappedBuffer(ByteBuffer.allocateDirect(Long.BYTES)).setLongLE(0, 1);

    private final long oneAddress = one.memoryAddress();

    EventLines(EpollLoop control, EpollLoops data, int queues) {
        this.control = control;
        this.data = data;
        kicks = none(queues);
        calls = none(queues);
        errors = none(queues);
    }

    private static AtomicIntegerArray none(int queues) {
        AtomicIntegerArray line = new AtomicIntegerArray(queues);
        for (int i = 0; i < queues; i++) {
            line.set(i, NONE);
        }
        return line;
    }

    /** Replaces the descriptor that kicks come on, or takes it away (-1), while the queue is not served. */
    void setKick(int queue, int fd) {
        int old = kicks.getAndSet(queue, fd);
        if (old >= 0) {
            Linux.close(old);
        }
    }

    boolean hasKick(int queue) {
        return kicks.get(queue) >= 0;
    }

    /** Replaces the descriptor for calls, or takes it away; {@code whenDone} runs when the old one is closed. */
    void setCall(int queue, int fd, Runnable whenDone) {
        closeLater(calls.getAndSet(queue, fd), whenDone);
    }

    /** Replaces the descriptor for errors, or takes it away. */
    void setError(int queue, int fd, Runnable whenDone) {
        closeLater(errors.getAndSet(queue, fd), whenDone);
    }

    private void closeLater(int fd, Runnable whenDone) {
        if (fd < 0) {
            whenDone.run();
            return;
        }
        leaving.add(fd);
        Countdown<Void> all = new Countdown<>(ignored -> {
            leaving.remove(fd);
            Linux.close(fd);
            whenDone.run();
        });
        for (EpollLoop loop : data.all()) {
            all.expect();
            loop.execute(() -> control.execute(() -> all.arrived(null)));
        }
        all.armed();
    }

    /**
     * Empties counters that are full, on the control loop. No driver that means well has ever left one unread so long.
     *
     * @return whether there was any
     */
    boolean relieve() {
        List<Integer> full = Stream.concat(
                        leaving.stream(),
                        IntStream.range(0, calls.length()).boxed().flatMap(i -> Stream.of(calls.get(i), errors.get(i))))
                .filter(fd -> fd >= 0 && !Linux.isWritable(fd))
                .toList();
        full.forEach(EventLines::empty);
        return !full.isEmpty();
    }

    /** The peer may have made it blocking, and may read it too. */
    private static void empty(int fd) {
        ByteBuf memory = Unpooled.directBuffer(3 * Long.BYTES); // an iovec, and what it points at
        long address = memory.memoryAddress();
        memory.writeLongLE(address + 2 * Long.BYTES).writeLongLE(Long.BYTES);
        int reads = 0;
        while (reads < READS_MAX && Linux.preadv2(fd, address, 1, -1, NO_WAIT) > 0) {
            reads++;
        }
        memory.release();
    }

    /** Takes everything away; no queue is served any more. */
    void clear() {
        for (int i = 0; i < kicks.length(); i++) {
            setKick(i, NONE);
            setCall(i, NONE, () -> {});
            setError(i, NONE, () -> {});
        }
    }

    @Override
    public int openKick(int queue) {
        return kicks.get(queue);
    }

    /** Does nothing: the descriptor stays the table's. */
    @Override
    public void closeKick(int queue, int fd) {}

    /** A counter that is full has been signalled; nothing else can fail on an eventfd. */
    @Override
    public int call(int queue) {
        return signal(calls.getAcquire(queue));
    }

    private int signal(int fd) {
        if (fd < 0) {
            return 0; // the driver polls
        }
        long result = Linux.write(fd, oneAddress, Long.BYTES);
        return result == Long.BYTES || result == -Errno.EAGAIN ? 0 : -Errno.EPERM;
    }

    @Override
    public void broken(int queue) {
        int unused = signal(errors.getAcquire(queue));
    }
}
