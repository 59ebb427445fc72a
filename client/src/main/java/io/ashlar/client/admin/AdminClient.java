package io.ashlar.client.admin;

import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.MessageLite;
import com.google.protobuf.Parser;
import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.checksum.Crc32c;
import io.ashlar.base.status.Status;
import io.ashlar.protocol.codec.MessageFrames;
import io.ashlar.protocol.frame.Direction;
import io.ashlar.protocol.frame.FrameFault;
import io.ashlar.protocol.frame.FrameHeader;
import io.ashlar.protocol.frame.FrameRules;
import io.ashlar.protocol.frame.Limits;
import io.ashlar.protocol.frame.Opcode;
import io.ashlar.protocol.message.AdminAnswer;
import io.ashlar.protocol.message.AdminRequest;
import io.ashlar.protocol.message.ErrorDetail;
import io.ashlar.protocol.message.Hello;
import io.ashlar.protocol.message.HelloAnswer;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import io.netty.buffer.Unpooled;
import io.netty.buffer.UnpooledByteBufAllocator;
import java.io.EOFException;
import java.io.IOException;
import java.net.ConnectException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketTimeoutException;

/**
 * Volume commands to one node: one request at a time, waiting for its answer. For commands of people and of the control
 * plane, never for data.
 */
@ConfinedTo(LoopKind.OWNER)
public final class AdminClient implements AutoCloseable {
    /** How long connecting may take. */
    public static final int CONNECT_MS = 3_000;
    /** How long an answer may take; deleting a large volume is the slowest command. */
    public static final int ANSWER_MS = 30_000;

    private final ByteBufAllocator allocator = UnpooledByteBufAllocator.DEFAULT;
    private final InetSocketAddress address;
    private final Socket socket;
    private final Crc32c crc = new Crc32c();
    private long lastRequestId;

    private AdminClient(InetSocketAddress address, Socket socket) {
        this.address = address;
        this.socket = socket;
    }

    /**
     * Connects and agrees on the protocol.
     *
     * @throws AdminException when nobody listens, or what listens is no Ashlar node or speaks another version
     */
    public static AdminClient connect(InetSocketAddress address) throws AdminException {
        return connect(address, ANSWER_MS);
    }

    /** Connects as {@link #connect(InetSocketAddress)} does, and waits this long for each answer, HELLO's too. */
    public static AdminClient connect(InetSocketAddress address, int answerMs) throws AdminException {
        Socket socket = new Socket();
        AdminClient client = new AdminClient(address, socket);
        try {
            socket.connect(address, CONNECT_MS);
            socket.setSoTimeout(answerMs);
            socket.setTcpNoDelay(true);
            client.hello();
            return client;
        } catch (IOException e) {
            client.close();
            throw client.unreachable(e);
        } catch (AdminException e) {
            client.close();
            throw e;
        }
    }

    /**
     * Asks the node and waits for its answer.
     *
     * @throws AdminException when the node refuses; or goes away or takes too long, after which nothing can be asked here any more
     */
    public AdminAnswer ask(AdminRequest request) throws AdminException {
        ByteBuf frame = MessageFrames.request(allocator, Opcode.ADMIN, ++lastRequestId, 0, request);
        return exchange(frame, Opcode.ADMIN, AdminAnswer.parser());
    }

    private void hello() throws AdminException {
        Hello hello = Hello.newBuilder()
                .setVersionMin(Limits.VERSION)
                .setVersionMax(Limits.VERSION)
                .setSoftware("ashlar")
                .build();
        ByteBuf frame = MessageFrames.request(allocator, Opcode.HELLO, ++lastRequestId, 0, hello);
        HelloAnswer answer = exchange(frame, Opcode.HELLO, HelloAnswer.parser());
        if (answer.getVersion() != Limits.VERSION) {
            throw refused(Status.VERSION_UNSUPPORTED, "chose protocol version " + answer.getVersion());
        }
    }

    private <M extends MessageLite> M exchange(ByteBuf frame, Opcode opcode, Parser<M> parser) throws AdminException {
        try {
            byte[] bytes = new byte[frame.readableBytes()];
            frame.readBytes(bytes);
            socket.getOutputStream().write(bytes);
            return receive(opcode, parser);
        } catch (IOException e) {
            close(); // what may still come of this answer must not be taken for a later one's
            throw unreachable(e);
        } finally {
            frame.release();
        }
    }

    private <M extends MessageLite> M receive(Opcode opcode, Parser<M> parser) throws IOException, AdminException {
        FrameHeader header = new FrameHeader();
        ByteBuf head = Unpooled.directBuffer(Limits.HEADER_BYTES);
        try {
            do {
                head.clear().writeBytes(read(Limits.HEADER_BYTES));
                FrameFault fault = FrameRules.check(header.wrap(head, 0), Direction.TO_CLIENT, crc);
                if (fault == FrameFault.BAD_MAGIC) {
                    throw refused(Status.MALFORMED, "is no Ashlar node: its answer makes no sense");
                } else if (fault == FrameFault.BAD_VERSION) {
                    throw refused(Status.VERSION_UNSUPPORTED, "speaks protocol version " + header.version());
                } else if (fault != null) {
                    throw refused(Status.MALFORMED, "sent a damaged answer (" + fault + ")");
                }
                byte[] payload = read((int) header.payloadBytes());
                if (header.opcode() == opcode || header.statusCode() != Status.OK.code()) {
                    return parse(header, payload, parser);
                }
            } while (true); // an event that is none of ours
        } finally {
            head.release();
        }
    }

    private <M extends MessageLite> M parse(FrameHeader header, byte[] payload, Parser<M> parser)
            throws AdminException {
        Status status = Status.ofCode(header.statusCode());
        try {
            if (status.isOk()) {
                return parser.parseFrom(payload);
            }
            String message = ErrorDetail.parseFrom(payload).getMessage();
            throw new AdminException(status, message.isEmpty() ? status.text() : message, null);
        } catch (InvalidProtocolBufferException e) {
            throw refused(Status.MALFORMED, "sent an answer that makes no sense");
        }
    }

    private byte[] read(int count) throws IOException {
        byte[] bytes = socket.getInputStream().readNBytes(count);
        if (bytes.length < count) {
            throw new EOFException("the connection was closed");
        }
        return bytes;
    }

    private AdminException refused(Status status, String what) {
        return new AdminException(status, "what listens on " + text() + " " + what, null);
    }

    private AdminException unreachable(IOException e) {
        String reason = e instanceof ConnectException
                ? "nothing listens there"
                : e instanceof SocketTimeoutException ? "no answer in time" : e.getMessage();
        return new AdminException(Status.UNAVAILABLE, "can't reach a node at " + text() + ": " + reason, e);
    }

    private String text() {
        return address.getHostString() + ":" + address.getPort();
    }

    @Override
    public void close() {
        try {
            socket.close();
        } catch (IOException ignored) {
            // Nothing was left to send; the node notices by itself.
        }
    }
}
