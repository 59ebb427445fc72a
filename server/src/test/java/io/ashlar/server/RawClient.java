package io.ashlar.server;

import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.MessageLite;
import com.google.protobuf.Parser;
import io.ashlar.base.block.BlockGeometry;
import io.ashlar.base.checksum.Crc32c;
import io.ashlar.base.status.Status;
import io.ashlar.protocol.codec.MessageFrames;
import io.ashlar.protocol.frame.FrameHeader;
import io.ashlar.protocol.frame.Limits;
import io.ashlar.protocol.frame.Opcode;
import io.ashlar.protocol.message.AdminAnswer;
import io.ashlar.protocol.message.AdminRequest;
import io.ashlar.protocol.message.CreateVolume;
import io.ashlar.protocol.message.ErrorDetail;
import io.ashlar.protocol.message.Event;
import io.ashlar.protocol.message.Hello;
import io.ashlar.protocol.message.HelloAnswer;
import io.ashlar.protocol.message.Open;
import io.ashlar.protocol.message.OpenAnswer;
import io.ashlar.protocol.message.OpenMode;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.buffer.UnpooledByteBufAllocator;
import java.io.BufferedInputStream;
import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.util.zip.CRC32C;

/** A client that speaks frames over a plain socket and waits for each answer; one thread uses it. */
public final class RawClient implements AutoCloseable {
    private final Socket socket = new Socket();
    private final DataInputStream in;
    private long nextId = 1;

    /** One frame as it came: the fields a test looks at, and the payload. */
    @SuppressWarnings("ArrayRecordComponent") // never compared
    public record Frame(
            Opcode opcode,
            int flags,
            long requestId,
            int handle,
            long offset,
            long length,
            Status status,
            int checksumCount,
            byte[] payload) {
        /** Returns the data behind the checksums, each of which is right. */
        public byte[] data() {
            byte[] data = new byte[payload.length - checksumCount * 4];
            System.arraycopy(payload, checksumCount * 4, data, 0, data.length);
            ByteBuf table = Unpooled.wrappedBuffer(payload);
            for (int i = 0; i < checksumCount; i++) {
                CRC32C crc = new CRC32C();
                crc.update(data, i * 4096, 4096);
                if ((int) crc.getValue() != table.getIntLE(i * 4)) {
                    throw new AssertionError("block " + i + " of the answer does not match its checksum");
                }
            }
            return data;
        }

        /** Returns the message of a refusal. */
        public ErrorDetail detail() {
            return parse(ErrorDetail.parser());
        }

        /** Returns the payload as a message. */
        public <M extends MessageLite> M parse(Parser<M> parser) {
            try {
                return parser.parseFrom(payload);
            } catch (InvalidProtocolBufferException e) {
                throw new AssertionError(e);
            }
        }
    }

    /** Connects; says nothing yet. */
    public RawClient(InetSocketAddress address) throws IOException {
        socket.setTcpNoDelay(true);
        socket.connect(address, 5000);
        socket.setSoTimeout(20_000);
        in = new DataInputStream(new BufferedInputStream(socket.getInputStream(), 1 << 16));
    }

    /** Connects with a receive window that is full soon. */
    public static RawClient withSmallWindow(InetSocketAddress address) throws IOException {
        return new RawClient(address, 4096);
    }

    private RawClient(InetSocketAddress address, int receiveBytes) throws IOException {
        socket.setReceiveBufferSize(receiveBytes);
        socket.connect(address, 5000);
        socket.setSoTimeout(20_000);
        in = new DataInputStream(socket.getInputStream());
    }

    /** Connects and says HELLO. */
    public static RawClient ready(InetSocketAddress address) throws IOException {
        RawClient client = new RawClient(address);
        client.hello();
        return client;
    }

    /** Says HELLO and returns the answer. */
    public HelloAnswer hello() throws IOException {
        Frame answer = call(
                Opcode.HELLO,
                0,
                Hello.newBuilder()
                        .setVersionMin(1)
                        .setVersionMax(1)
                        .setSoftware("test")
                        .build());
        return answer.parse(HelloAnswer.parser());
    }

    /** Creates a volume. */
    public Frame create(String name, long sizeBytes, int blockBytes) throws IOException {
        return admin(AdminRequest.newBuilder()
                .setCreateVolume(CreateVolume.newBuilder()
                        .setName(name)
                        .setSizeBytes(sizeBytes)
                        .setLogicalBlockBytes(blockBytes))
                .build());
    }

    /** Runs a volume command. */
    public Frame admin(AdminRequest request) throws IOException {
        return call(Opcode.ADMIN, 0, request);
    }

    /** Runs a volume command that succeeds. */
    public AdminAnswer adminOk(AdminRequest request) throws IOException {
        Frame answer = admin(request);
        if (answer.status() != Status.OK) {
            throw new AssertionError(answer.status() + ": " + answer.detail().getMessage());
        }
        return answer.parse(AdminAnswer.parser());
    }

    /** Opens a volume, whatever comes of it. */
    public Frame open(String volume, String host, OpenMode mode, long epoch, int loop) throws IOException {
        return call(
                Opcode.OPEN,
                0,
                Open.newBuilder()
                        .setVolume(volume)
                        .setHostId(host)
                        .setMode(mode)
                        .setEpoch(epoch)
                        .setLoop(loop)
                        .build());
    }

    /** Opens a volume for writing, which succeeds. */
    public OpenAnswer openOk(String volume, String host, OpenMode mode, long epoch, int loop) throws IOException {
        Frame answer = open(volume, host, mode, epoch, loop);
        if (answer.status() != Status.OK) {
            throw new AssertionError(answer.status() + ": " + answer.detail().getMessage());
        }
        return answer.parse(OpenAnswer.parser());
    }

    /** Writes and waits. */
    public Status write(int handle, long offset, byte[] data) throws IOException {
        long id = send(writeFrame(nextId, handle, offset, data, 0));
        return await(id).status();
    }

    /** Reads and waits; returns exactly the range. */
    public byte[] read(int handle, long offset, int length) throws IOException {
        Frame answer = await(send(request(Opcode.READ, handle, offset, length, 0)));
        if (answer.status() != Status.OK) {
            throw new AssertionError("read: " + answer.status());
        }
        byte[] part = new byte[length];
        System.arraycopy(answer.data(), (int) (offset - answer.offset()), part, 0, length);
        return part;
    }

    /** Sends a request without payload and waits. */
    public Frame simple(Opcode opcode, int handle, long offset, long length, int flags, long aux) throws IOException {
        ByteBuf frame = request(opcode, handle, offset, length, flags);
        new FrameHeader().wrap(frame, 0).aux(aux).seal(new Crc32c());
        return await(send(frame));
    }

    /** Sends a message and waits. */
    public Frame call(Opcode opcode, int handle, MessageLite message) throws IOException {
        return await(send(MessageFrames.request(UnpooledByteBufAllocator.DEFAULT, opcode, nextId, handle, message)));
    }

    /** Returns the frame of a request without payload, under the next number. */
    public ByteBuf request(Opcode opcode, int handle, long offset, long length, int flags) {
        ByteBuf frame = Unpooled.buffer(Limits.HEADER_BYTES).writeZero(Limits.HEADER_BYTES);
        new FrameHeader()
                .wrap(frame, 0)
                .clear()
                .opcode(opcode)
                .requestId(nextId)
                .handle(handle)
                .range(offset, length)
                .flags(flags)
                .seal(new Crc32c());
        return frame;
    }

    /** Returns the frame of a write with right checksums. */
    public static ByteBuf writeFrame(long id, int handle, long offset, byte[] data, int flags) {
        int count = BlockGeometry.blocksTouched(offset, data.length);
        ByteBuf frame = Unpooled.buffer(Limits.HEADER_BYTES + 4 * count + data.length);
        frame.writeZero(Limits.HEADER_BYTES);
        int done = 0;
        while (done < data.length) {
            int piece = (int) Math.min(data.length - done, 4096 - (offset + done) % 4096);
            CRC32C crc = new CRC32C();
            crc.update(data, done, piece);
            frame.writeIntLE((int) crc.getValue());
            done += piece;
        }
        frame.writeBytes(data);
        new FrameHeader()
                .wrap(frame, 0)
                .clear()
                .opcode(Opcode.WRITE)
                .requestId(id)
                .handle(handle)
                .range(offset, data.length)
                .flags(flags)
                .checksumCount(count)
                .payloadBytes(4 * count + data.length)
                .seal(new Crc32c());
        return frame;
    }

    /** Returns the number that the next request gets. */
    public long nextId() {
        return nextId;
    }

    /** Returns the socket, for tests that speak in bulk. */
    public Socket socket() {
        return socket;
    }

    /** Sends a frame, which carries the next number; takes it over. */
    public long send(ByteBuf frame) throws IOException {
        sendBytes(frame);
        return nextId++;
    }

    /** Sends bytes as they are; takes them over. */
    public void sendBytes(ByteBuf bytes) throws IOException {
        byte[] copy = new byte[bytes.readableBytes()];
        bytes.readBytes(copy);
        bytes.release();
        socket.getOutputStream().write(copy);
        socket.getOutputStream().flush();
    }

    /** Waits for the answer to a request; events and other answers in between are thrown away. */
    public Frame await(long requestId) throws IOException {
        Frame frame = receive();
        while (frame.requestId() != requestId || frame.opcode() == Opcode.EVENT) {
            frame = receive();
        }
        return frame;
    }

    /** Waits for an event; answers in between are thrown away. */
    public Event awaitEvent() throws IOException {
        Frame frame = receive();
        while (frame.opcode() != Opcode.EVENT) {
            frame = receive();
        }
        return frame.parse(Event.parser());
    }

    /** Receives the next answer; events are passed over. */
    public Frame receiveAnswer() throws IOException {
        Frame frame = receive();
        while (frame.opcode() == Opcode.EVENT) {
            frame = receive();
        }
        return frame;
    }

    /** Receives the next frame. */
    public Frame receive() throws IOException {
        byte[] head = new byte[Limits.HEADER_BYTES];
        in.readFully(head);
        FrameHeader header = new FrameHeader().wrap(Unpooled.wrappedBuffer(head), 0);
        if (!header.isIntact(new Crc32c())) {
            throw new AssertionError("header of an answer is damaged");
        }
        byte[] payload = new byte[(int) header.payloadBytes()];
        in.readFully(payload);
        return new Frame(
                header.opcode(),
                header.flags(),
                header.requestId(),
                header.handle(),
                header.offsetBytes(),
                header.lengthBytes(),
                Status.ofCode(header.statusCode()),
                header.checksumCount(),
                payload);
    }

    /** Returns whether the node closes the connection without saying anything more. */
    public boolean isClosedByNode() throws IOException {
        try {
            return in.read() < 0;
        } catch (EOFException e) {
            return true;
        } catch (IOException e) {
            return e.getMessage().contains("reset");
        }
    }

    @Override
    public void close() throws IOException {
        socket.close();
    }
}
