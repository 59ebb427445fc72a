package io.ashlar.base.sys;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Arrays;
import java.util.function.IntConsumer;

/**
 * A stream socket of the Unix domain that carries file descriptors beside the bytes (unix(7), SCM_RIGHTS). Results below
 * zero are -errno; connections never block. Bytes and descriptors of one {@link #send} arrive together with its first byte.
 *
 * <pre>
 *   struct msghdr  (56): 0 name | 8 namelen | 16 iov | 24 iovlen | 32 control | 40 controllen | 48 flags
 *   struct iovec   (16): 0 base | 8 len
 *   struct cmsghdr (16): 0 u64 len | 8 level | 12 type | 16 descriptors, 4 bytes each
 * </pre>
 */
@ConfinedTo(LoopKind.OWNER)
public final class UnixSocket implements AutoCloseable {
    /** Most descriptors that the kernel lets travel together (linux/net/scm.h: SCM_MAX_FD). */
    public static final int DESCRIPTORS_MAX = 253;
    /** Longest path of a socket (linux/un.h: UNIX_PATH_MAX, less the zero behind it). */
    public static final int PATH_BYTES_MAX = 107;

    // bits/socket.h
    private static final int AF_UNIX = 1;
    private static final int SOCK_STREAM = 1;
    private static final int SOL_SOCKET = 1;
    private static final int SCM_RIGHTS = 1;
    private static final int MSG_CTRUNC = 8;
    private static final int MSG_NOSIGNAL = 0x4000;
    private static final int MSG_DONTWAIT = 0x40;
    private static final int MSG_CMSG_CLOEXEC = 0x40000000;

    private static final int IOV_AT = 56;
    private static final int CONTROL_AT = 72;
    private static final int CONTROL_HEADER_BYTES = 16;
    private static final int CONTROL_BYTES = CONTROL_HEADER_BYTES + 4 * DESCRIPTORS_MAX;
    private static final int BACKLOG = 8;

    private final int fd;
    private final ByteBuf header = Unpooled.directBuffer(CONTROL_AT + CONTROL_BYTES);
    private boolean closed;

    private UnixSocket(int fd) {
        this.fd = fd;
    }

    /** Creates a socket at a path where nothing is, and listens. Its mode is 0600: only its owner, and root, may connect. */
    public static UnixSocket listen(Path path) throws IOException {
        byte[] address = address(path);
        UnixSocket socket = create(path);
        int result = Linux.bind(socket.fd, address);
        if (result == 0) {
            Files.setPosixFilePermissions(path, PosixFilePermissions.fromString("rw-------"));
            result = Linux.listen(socket.fd, BACKLOG);
        }
        return socket.orClose(result, "can't listen on " + path);
    }

    /** Connects, without waiting: -EAGAIN, as an exception, when too many wait already. */
    public static UnixSocket connect(Path path) throws IOException {
        byte[] address = address(path);
        UnixSocket socket = create(path);
        return socket.orClose(Linux.connect(socket.fd, address), "can't connect to " + path);
    }

    /** Returns whether the socket at a path is a living process's: one that has no time for connections is alive as well. */
    public static boolean isListenedTo(Path path) throws IOException {
        byte[] address = address(path);
        try (UnixSocket probe = create(path)) {
            return Linux.connect(probe.fd, address) != -Errno.ECONNREFUSED;
        }
    }

    /**
     * Takes over a connected socket, blocking or not: nothing here waits either way.
     *
     * @throws IOException if it is of another domain, where sending may wait all the same; the descriptor stays the caller's
     */
    public static UnixSocket adopt(int fd) throws IOException {
        int domain = Linux.domain(fd);
        if (domain != AF_UNIX) {
            throw new IOException("not a socket of the Unix domain, but of " + domain);
        }
        return new UnixSocket(fd);
    }

    private static UnixSocket create(Path path) throws IOException {
        int fd = Linux.socket(AF_UNIX, SOCK_STREAM | OpenFlags.NONBLOCK, 0);
        if (fd < 0) {
            throw new IOException("no socket for " + path + ": " + Errno.describe(fd));
        }
        return new UnixSocket(fd);
    }

    private UnixSocket orClose(int result, String what) throws IOException {
        if (result < 0) {
            close();
            throw new IOException(what + ": " + Errno.describe(result));
        }
        return this;
    }

    /** struct sockaddr_un (linux/un.h): family, then the path with a zero behind it. */
    private static byte[] address(Path path) throws IOException {
        byte[] bytes = path.toString().getBytes(StandardCharsets.UTF_8);
        if (bytes.length > PATH_BYTES_MAX) {
            throw new IOException(path + " is longer than the " + PATH_BYTES_MAX + " bytes that a socket's path has");
        }
        byte[] address = Arrays.copyOf(new byte[] {AF_UNIX, 0}, 2 + bytes.length + 1);
        System.arraycopy(bytes, 0, address, 2, bytes.length);
        return address;
    }

    /** Returns the descriptor, for an epoll. */
    public int fd() {
        return fd;
    }

    /** Takes the connection that has waited longest; returns null when none waits. It goes on waiting if it can't be taken. */
    public UnixSocket accept() throws IOException {
        int accepted = Linux.accept(fd);
        if (accepted < 0 && accepted != -Errno.EAGAIN) {
            throw new IOException("can't take a connection: " + Errno.describe(accepted));
        }
        return accepted < 0 ? null : new UnixSocket(accepted);
    }

    /**
     * Reads up to {@code count} bytes to the writable part of a direct buffer.
     *
     * @param descriptors gets each descriptor that came along (close-on-exec), and has to close it
     * @return the bytes read, 0 at the end; -EAGAIN when nothing is there; -EINVAL when descriptors were lost, because this
     *     process has as many as it may
     */
    public long receive(ByteBuf to, int count, IntConsumer descriptors) {
        prepare(to.memoryAddress() + to.writerIndex(), Math.min(count, to.writableBytes()));
        header.setLongLE(32, header.memoryAddress() + CONTROL_AT).setLongLE(40, CONTROL_BYTES);
        long result = Linux.receiveMessage(fd, header.memoryAddress(), MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
        if (result < 0) {
            return result;
        }
        takeDescriptors(descriptors);
        if ((header.getIntLE(48) & MSG_CTRUNC) != 0) {
            return -Errno.EINVAL;
        }
        to.writerIndex(to.writerIndex() + (int) result);
        return result;
    }

    /** The kernel puts all descriptors into one control message. */
    private void takeDescriptors(IntConsumer descriptors) {
        long length = header.getLongLE(CONTROL_AT);
        boolean present = header.getLongLE(40) >= CONTROL_HEADER_BYTES
                && header.getIntLE(CONTROL_AT + 8) == SOL_SOCKET
                && header.getIntLE(CONTROL_AT + 12) == SCM_RIGHTS;
        for (int at = CONTROL_HEADER_BYTES; present && at < length; at += 4) {
            descriptors.accept(header.getIntLE(CONTROL_AT + at));
        }
    }

    /**
     * Sends the readable bytes of a direct buffer, and descriptors with them, which stay the caller's.
     *
     * @return the bytes sent, perhaps not all; -EAGAIN when the peer does not take any
     */
    public long send(ByteBuf from, int... descriptors) {
        if (descriptors.length > DESCRIPTORS_MAX) {
            throw new IllegalArgumentException(descriptors.length + " descriptors");
        }
        prepare(from.memoryAddress() + from.readerIndex(), from.readableBytes());
        if (descriptors.length > 0) {
            int length = CONTROL_HEADER_BYTES + 4 * descriptors.length;
            header.setLongLE(32, header.memoryAddress() + CONTROL_AT).setLongLE(40, length);
            header.setLongLE(CONTROL_AT, length)
                    .setIntLE(CONTROL_AT + 8, SOL_SOCKET)
                    .setIntLE(CONTROL_AT + 12, SCM_RIGHTS);
            for (int i = 0; i < descriptors.length; i++) {
                header.setIntLE(CONTROL_AT + CONTROL_HEADER_BYTES + 4 * i, descriptors[i]);
            }
        }
        long sent = Linux.sendMessage(fd, header.memoryAddress(), MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent > 0) {
            from.skipBytes((int) sent);
        }
        return sent;
    }

    private void prepare(long address, int length) {
        header.setZero(0, header.capacity());
        header.setLongLE(16, header.memoryAddress() + IOV_AT).setLongLE(24, 1);
        header.setLongLE(IOV_AT, address).setLongLE(IOV_AT + 8, length);
    }

    @Override
    public void close() {
        if (!closed) {
            closed = true;
            Linux.close(fd);
            header.release();
        }
    }
}
