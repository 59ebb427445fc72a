package io.ashlar.vduse.vhost;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.sys.Linux;
import io.ashlar.base.sys.UnixSocket;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** The descriptors that came with a message. Whoever does not {@link #take} one leaves it to be closed. */
@ConfinedTo(LoopKind.CONTROL)
final class Descriptors {
    private final int[] fds = new int[2 * UnixSocket.DESCRIPTORS_MAX];
    private int count;

    /** Adds one; one too many is closed, and counts. */
    void add(int fd) {
        if (count < fds.length) {
            fds[count++] = fd;
        } else {
            Linux.close(fd);
        }
    }

    int count() {
        return count;
    }

    /** Returns one, which becomes the caller's; -1 if there is none, or it has been taken. */
    int take(int i) {
        if (i >= count) {
            return -1;
        }
        int fd = fds[i];
        fds[i] = -1;
        return fd;
    }

    /** Closes what nobody has taken. */
    void clear() {
        for (int i = 0; i < count; i++) {
            if (fds[i] >= 0) {
                Linux.close(fds[i]);
            }
        }
        count = 0;
    }

    /**
     * Takes the eventfd that came along and makes it non-blocking: a counter that its other owner lets run full must not
     * stop a loop.
     *
     * @throws IOException if it is something else, whose reads or writes could do anything
     */
    int takeEventFd() throws IOException {
        int fd = takeOfKind("anon_inode:[eventfd]");
        Linux.setNonBlocking(fd);
        return fd;
    }

    /**
     * Takes the socket that came along. Its flags are left alone, which others who have it open share.
     *
     * @throws IOException if it is something else
     */
    UnixSocket takeSocket() throws IOException {
        return UnixSocket.adopt(takeOfKind("socket:["));
    }

    private int takeOfKind(String expected) throws IOException {
        int fd = take(0);
        if (fd < 0) {
            throw new IOException("no descriptor came along");
        }
        String kind = Files.readSymbolicLink(Path.of("/proc/self/fd", Integer.toString(fd)))
                .toString();
        if (!kind.startsWith(expected)) {
            Linux.close(fd);
            throw new IOException("a descriptor of " + kind + " where " + expected + " is needed");
        }
        return fd;
    }
}
