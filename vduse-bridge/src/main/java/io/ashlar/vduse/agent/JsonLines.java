package io.ashlar.vduse.agent;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.util.Arrays;

/** One JSON document per line over a blocking channel; a line has at most 64 KiB. */
@ConfinedTo(LoopKind.OWNER)
final class JsonLines implements AutoCloseable {
    private static final int LINE_BYTES_MAX = 64 << 10;

    private final SocketChannel channel;
    private final ByteBuffer in = ByteBuffer.allocate(LINE_BYTES_MAX);

    JsonLines(SocketChannel channel) {
        this.channel = channel;
    }

    /** Reads a line; null when the other side has closed. */
    byte[] read() throws IOException {
        int scanned = 0;
        while (true) {
            for (; scanned < in.position(); scanned++) {
                if (in.get(scanned) == '\n') {
                    byte[] line = Arrays.copyOf(in.array(), scanned);
                    in.flip().position(scanned + 1);
                    in.compact();
                    return line;
                }
            }
            if (!in.hasRemaining()) {
                throw new BridgeException("line longer than " + LINE_BYTES_MAX + " bytes");
            }
            if (channel.read(in) < 0) {
                return null;
            }
        }
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
