package io.ashlar.nbd.session;

import io.ashlar.nbd.wire.Command;
import io.ashlar.nbd.wire.Option;
import io.ashlar.nbd.wire.Wire;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;

/** A client for tests that writes down bytes, and nothing else. */
public final class RawNbd implements AutoCloseable {
    private static final int PATIENCE_MS = 30_000;

    final Socket socket;
    final DataInputStream in;
    final DataOutputStream out;
    private long cookies;

    RawNbd(Served served) throws IOException {
        this(served.server.port());
    }

    private RawNbd(int port) throws IOException {
        socket = new Socket(InetAddress.getLoopbackAddress(), port);
        socket.setTcpNoDelay(true);
        socket.setSoTimeout(PATIENCE_MS);
        in = new DataInputStream(socket.getInputStream());
        out = new DataOutputStream(socket.getOutputStream());
    }

    /** A client that knows no block sizes and gets simple replies. */
    static RawNbd old(Served served) throws IOException {
        RawNbd client = new RawNbd(served);
        client.greet();
        client.option(Option.EXPORT_NAME, Served.NAME.getBytes(StandardCharsets.UTF_8));
        client.in.readLong();
        client.in.readUnsignedShort();
        return client;
    }

    /** A client that knows block sizes, and asks for structured replies and base:allocation where it should. */
    static RawNbd modern(Served served, boolean structured) throws IOException {
        return modern(served.server.port(), structured);
    }

    /** As the other, of the export {@code vol} on a port. */
    public static RawNbd modern(int port, boolean structured) throws IOException {
        RawNbd client = new RawNbd(port);
        client.greet();
        if (structured) {
            client.option(Option.STRUCTURED_REPLY, new byte[0]);
            client.replies();
            ByteArrayOutputStream data = new ByteArrayOutputStream();
            DataOutputStream to = new DataOutputStream(data);
            to.writeInt(Served.NAME.length());
            to.writeBytes(Served.NAME);
            to.writeInt(1);
            to.writeInt(Wire.BASE_ALLOCATION.length());
            to.writeBytes(Wire.BASE_ALLOCATION);
            client.option(Option.SET_META_CONTEXT, data.toByteArray());
            client.replies();
        }
        ByteArrayOutputStream data = new ByteArrayOutputStream();
        DataOutputStream to = new DataOutputStream(data);
        to.writeInt(Served.NAME.length());
        to.writeBytes(Served.NAME);
        to.writeShort(1);
        to.writeShort(3);
        client.option(Option.GO, data.toByteArray());
        client.replies();
        return client;
    }

    void greet() throws IOException {
        in.readFully(new byte[18]);
        out.writeInt(Wire.FIXED_NEWSTYLE | Wire.NO_ZEROES);
    }

    void option(Option option, byte[] data) throws IOException {
        out.writeLong(Wire.OPTION_MAGIC);
        out.writeInt(option.code());
        out.writeInt(data.length);
        out.write(data);
    }

    /** Reads replies up to the last one of an option; returns its type. */
    int replies() throws IOException {
        int type;
        do {
            in.readLong();
            in.readInt();
            type = in.readInt();
            in.readFully(new byte[in.readInt()]);
        } while (type == 2 || type == 3 || type == 4);
        return type;
    }

    /** Sends a request; returns its cookie. */
    public long send(Command command, int flags, long offset, long length, byte[] data) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream(28 + data.length);
        DataOutputStream to = new DataOutputStream(bytes);
        to.writeInt(Wire.REQUEST_MAGIC);
        to.writeShort(flags);
        to.writeShort(command.code());
        to.writeLong(++cookies);
        to.writeLong(offset);
        to.writeInt((int) length);
        to.write(data);
        out.write(bytes.toByteArray());
        return cookies;
    }

    /** Reads a simple reply without data; returns its error. */
    public int reply() throws IOException {
        if (in.readInt() != Wire.SIMPLE_REPLY_MAGIC) {
            throw new AssertionError("no simple reply");
        }
        int error = in.readInt();
        in.readLong();
        return error;
    }

    /** Reads a simple reply without data, which must tell no error; returns its cookie. */
    long answered() throws IOException {
        if (in.readInt() != Wire.SIMPLE_REPLY_MAGIC || in.readInt() != 0) {
            throw new AssertionError("no simple reply without error");
        }
        return in.readLong();
    }

    /** Sends a request and returns the error of its simple reply. */
    public int ask(Command command, int flags, long offset, long length, byte[] data) throws IOException {
        send(command, flags, offset, length, data);
        return reply();
    }

    /** Writes; returns the error. */
    public int write(long offset, byte[] data) throws IOException {
        return ask(Command.WRITE, 0, offset, data.length, data);
    }

    /** Reads with a simple reply; the read must succeed. */
    public byte[] read(long offset, int length) throws IOException {
        int error = ask(Command.READ, 0, offset, length, new byte[0]);
        if (error != 0) {
            throw new AssertionError("read failed with " + error);
        }
        byte[] data = new byte[length];
        in.readFully(data);
        return data;
    }

    /** What a structured reply said. */
    @SuppressWarnings("ArrayRecordComponent") // compared by nobody
    public record Structured(int error, byte[] data, int dataChunks, int[] status) {}

    /** Reads a structured reply to the end; data is put where its offset says, counted from {@code offset}. */
    public Structured structured(long offset, int length) throws IOException {
        byte[] data = new byte[length];
        int error = 0;
        int chunks = 0;
        int[] status = new int[0];
        int flags;
        do {
            if (in.readInt() != Wire.CHUNK_MAGIC) {
                throw new AssertionError("no chunk");
            }
            flags = in.readUnsignedShort();
            int type = in.readUnsignedShort();
            in.readLong();
            int bytes = in.readInt();
            switch (type) {
                case Wire.CHUNK_OFFSET_DATA -> {
                    int at = (int) (in.readLong() - offset);
                    in.readFully(data, at, bytes - 8);
                    chunks++;
                }
                case Wire.CHUNK_BLOCK_STATUS -> {
                    in.readInt();
                    status = new int[(bytes - 4) / 4];
                    for (int i = 0; i < status.length; i++) {
                        status[i] = in.readInt();
                    }
                }
                case Wire.CHUNK_ERROR -> {
                    error = in.readInt();
                    in.readFully(new byte[bytes - 4]);
                }
                default -> in.readFully(new byte[bytes]);
            }
        } while ((flags & Wire.CHUNK_DONE) == 0);
        return new Structured(error, data, chunks, status);
    }

    /** Returns whether the server has hung up, with whatever before it. */
    boolean isHungUp() throws IOException {
        try {
            byte[] scratch = new byte[64 << 10];
            while (true) {
                if (in.read(scratch) < 0) {
                    return true;
                }
            }
        } catch (java.net.SocketTimeoutException e) {
            return false;
        } catch (IOException e) {
            return true;
        }
    }

    @Override
    public void close() throws IOException {
        socket.close();
    }
}
