package io.ashlar.lab.guest;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.sys.Errno;
import io.ashlar.base.sys.Linux;
import io.ashlar.base.sys.UnixSocket;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/**
 * One connection to a vhost-user back end: messages and their answers, from the specification alone. An end of the connection,
 * and an answer that does not come in ten seconds, is an {@link IOException}.
 */
@ConfinedTo(LoopKind.OWNER)
final class VhostConnection implements AutoCloseable {
    static final int GET_FEATURES = 1;
    static final int SET_FEATURES = 2;
    static final int SET_OWNER = 3;
    static final int SET_MEM_TABLE = 5;
    static final int SET_VRING_NUM = 8;
    static final int SET_VRING_ADDR = 9;
    static final int SET_VRING_BASE = 10;
    static final int SET_VRING_KICK = 12;
    static final int SET_VRING_CALL = 13;
    static final int GET_PROTOCOL_FEATURES = 15;
    static final int SET_PROTOCOL_FEATURES = 16;
    static final int SET_VRING_ENABLE = 18;
    static final int GET_INFLIGHT_FD = 31;
    static final int SET_INFLIGHT_FD = 32;

    private static final int HEADER_BYTES = 12;
    private static final int VERSION = 1;
    private static final int IS_REPLY = 4;
    private static final int NEED_REPLY = 8;
    private static final long WAIT_NS = TimeUnit.SECONDS.toNanos(10);
    private static final long LOOK_NS = 100_000;

    private final UnixSocket socket;
    private final ByteBuf in = Unpooled.wrappedBuffer(ByteBuffer.allocateDirect(4096));
    private int receivedFd = -1;

    private VhostConnection(UnixSocket socket) {
        this.socket = socket;
    }

    static VhostConnection open(Path path) throws IOException {
        return new VhostConnection(UnixSocket.connect(path));
    }

    /** Asks something that has an answer of its own, and returns it; valid until the next message. */
    ByteBuf ask(int request, ByteBuf payload, int... fds) throws IOException {
        send(request, 0, payload, fds);
        return receive(request);
    }

    /** Says something that has none, and waits until it is done. */
    void tell(int request, ByteBuf payload, int... fds) throws IOException {
        send(request, NEED_REPLY, payload, fds);
        if (receive(request).readLongLE() != 0) {
            throw new IOException("the back end refuses request " + request);
        }
    }

    /** Says something without waiting. */
    void say(int request, ByteBuf payload) throws IOException {
        send(request, 0, payload);
    }

    private void send(int request, int flags, ByteBuf payload, int... fds) throws IOException {
        int length = HEADER_BYTES + payload.readableBytes();
        ByteBuf message =
                Unpooled.wrappedBuffer(ByteBuffer.allocateDirect(length)).clear();
        message.writeIntLE(request).writeIntLE(VERSION | flags).writeIntLE(payload.readableBytes());
        message.writeBytes(payload);
        long sent = socket.send(message, fds);
        if (sent != length) {
            throw new IOException("can't send request " + request + ": " + Errno.describe(sent));
        }
    }

    private ByteBuf receive(int request) throws IOException {
        in.clear();
        receiveTo(HEADER_BYTES);
        int length = in.getIntLE(8);
        if (in.getIntLE(0) != request || (in.getIntLE(4) & IS_REPLY) == 0 || length > in.capacity() - HEADER_BYTES) {
            throw new IOException("no answer to request " + request + " but one to " + in.getIntLE(0));
        }
        receiveTo(HEADER_BYTES + length);
        return in.slice(HEADER_BYTES, length);
    }

    private void receiveTo(int length) throws IOException {
        long deadlineNs = System.nanoTime() + WAIT_NS;
        while (in.writerIndex() < length) {
            long result = socket.receive(in, length - in.writerIndex(), fd -> receivedFd = fd);
            if (result == -Errno.EAGAIN) {
                if (System.nanoTime() - deadlineNs > 0) {
                    throw new IOException("the back end does not answer");
                }
                LockSupport.parkNanos(LOOK_NS);
            } else if (result <= 0) {
                throw new IOException("the connection has ended");
            }
        }
    }

    /** Returns the descriptor that came with an answer, the caller's to close. */
    int takeFd() throws IOException {
        if (receivedFd < 0) {
            throw new IOException("no descriptor came along");
        }
        int fd = receivedFd;
        receivedFd = -1;
        return fd;
    }

    /** Returns whether the other side has closed the connection; nothing is expected on it. */
    boolean hasEnded() {
        in.clear();
        long result = socket.receive(in, 1, Linux::close);
        return result != -Errno.EAGAIN;
    }

    @Override
    public void close() {
        socket.close();
    }
}
