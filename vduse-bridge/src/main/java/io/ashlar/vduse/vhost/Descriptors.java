package io.ashlar.vduse.vhost;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.sys.Linux;
import io.ashlar.base.sys.UnixSocket;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;

/**
 * The descriptors that came with a message. Whoever does not {@link #take} one leaves it to be closed. They can be anything, so
 * what is not known to be harmless is neither asked about nor closed here: a file system, or a socket that lingers, may let
 * either wait for ever.
 */
@ConfinedTo(LoopKind.CONTROL)
final class Descriptors {
    private final Closer closer;
    private int[] fds = new int[8];
    private int count;

    Descriptors(Closer closer) {
        this.closer = closer;
    }

    /** Adds one; as many as come with one {@code receive} after another, until the message is complete or given up. */
    void add(int fd) {
        if (count == fds.length) {
            fds = Arrays.copyOf(fds, 2 * count);
        }
        fds[count++] = fd;
    }

    int count() {
        return count;
    }

    /** Returns one, to be looked at; -1 if there is none. */
    int get(int i) {
        return i < count ? fds[i] : -1;
    }

    /** Makes one the caller's. */
    void take(int i) {
        fds[i] = -1;
    }

    /** Closes what nobody has taken. */
    void clear() {
        int[] strangers = Arrays.stream(fds, 0, count).filter(fd -> fd >= 0).toArray();
        count = 0;
        if (strangers.length > 0) {
            closer.close(() -> Arrays.stream(strangers).forEach(Linux::close));
        }
    }

    /**
     * Takes the eventfd that came along. Its flags are left alone, as of all that others have open too: they could change them
     * again at any time (see {@link EventLines#relieve}).
     *
     * @throws IOException if it is something else, whose reads or writes could do anything
     */
    int takeEventFd() throws IOException {
        int fd = ofKind("anon_inode:[eventfd]");
        take(0);
        return fd;
    }

    /**
     * Takes the socket that came along.
     *
     * @throws IOException if it is something else
     */
    UnixSocket takeSocket() throws IOException {
        UnixSocket socket = UnixSocket.adopt(ofKind("socket:["));
        take(0);
        return socket;
    }

    private int ofKind(String expected) throws IOException {
        int fd = get(0);
        if (fd < 0) {
            throw new IOException("no descriptor came along");
        }
        String kind = Files.readSymbolicLink(Path.of("/proc/self/fd", Integer.toString(fd)))
                .toString();
        if (!kind.startsWith(expected)) {
            throw new IOException("a descriptor of " + kind + " where " + expected + " is needed");
        }
        return fd;
    }
}
