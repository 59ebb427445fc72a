package io.ashlar.vduse.agent;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.time.Clock;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.net.SocketTimeoutException;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;
import java.util.Arrays;
import java.util.concurrent.TimeUnit;

/** One JSON document per line over a blocking channel. */
@ConfinedTo(LoopKind.OWNER)
final class JsonLines implements AutoCloseable {
    /** Of what anybody may send who can open the control socket. */
    static final int REQUEST_BYTES_MAX = 64 << 10;
    /** An attachment takes a few hundred bytes of a list. */
    static final int ANSWER_BYTES_MAX = 16 << 20;

    private static final int LINE_BYTES = 64 << 10;

    private final SocketChannel channel;
    private final int lineBytesMax;
    private ByteBuffer in = ByteBuffer.allocate(LINE_BYTES);
    /** Bytes received that hold no end of a line. */
    private int scanned;

    /** Reads lines of at most so many bytes. */
    JsonLines(SocketChannel channel, int lineBytesMax) {
        this.channel = channel;
        this.lineBytesMax = lineBytesMax;
    }

    /** Reads a line; null when the other side has closed. */
    byte[] read() throws IOException {
        byte[] line = takeLine();
        while (line == null && channel.read(in) >= 0) {
            line = takeLine();
        }
        return line;
    }

    /**
     * Reads a line that must come in time; null when the other side has closed.
     *
     * @throws SocketTimeoutException if it does not
     * @throws InterruptedIOException if the thread is interrupted
     */
    byte[] read(long timeoutNs) throws IOException {
        long deadlineNs = Clock.SYSTEM.nowNs() + timeoutNs;
        channel.configureBlocking(false);
        try (Selector selector = Selector.open()) {
            channel.register(selector, SelectionKey.OP_READ);
            byte[] line = takeLine();
            while (line == null && channel.read(in) >= 0) {
                line = takeLine();
                long leftMs = TimeUnit.NANOSECONDS.toMillis(deadlineNs - Clock.SYSTEM.nowNs());
                if (line == null && leftMs <= 0) {
                    throw new SocketTimeoutException("nothing was said in time");
                }
                if (line == null) {
                    selector.selectedKeys().clear();
                    selector.select(leftMs);
                    refuseIfInterrupted();
                }
            }
            return line;
        } finally {
            unblock();
        }
    }

    /** A selector would return at once from then on. */
    private static void refuseIfInterrupted() throws InterruptedIOException {
        if (Thread.currentThread().isInterrupted()) {
            throw new InterruptedIOException("interrupted");
        }
    }

    private void unblock() throws IOException {
        if (channel.isOpen()) {
            channel.configureBlocking(true);
        }
    }

    /** Takes a line from what has been received; null while there is none. */
    private byte[] takeLine() throws BridgeException {
        for (; scanned < in.position(); scanned++) {
            if (in.get(scanned) == '\n') {
                byte[] line = Arrays.copyOf(in.array(), scanned);
                in.flip().position(scanned + 1);
                in.compact();
                scanned = 0;
                return line;
            }
        }
        if (scanned >= lineBytesMax) {
            throw new BridgeException("line longer than " + lineBytesMax + " bytes");
        }
        if (!in.hasRemaining()) {
            in = ByteBuffer.allocate(Math.min(2 * in.capacity(), lineBytesMax)).put(in.flip());
        }
        return null;
    }

    /** Writes a line. */
    void write(byte[] json) throws IOException {
        ByteBuffer line = ByteBuffer.allocate(json.length + 1).put(json).put((byte) '\n');
        line.flip();
        while (line.hasRemaining()) {
            channel.write(line);
        }
    }

    @Override
    public void close() throws IOException {
        channel.close();
    }
}
