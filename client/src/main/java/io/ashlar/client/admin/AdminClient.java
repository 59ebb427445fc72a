package io.ashlar.client.admin;

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
import io.ashlar.protocol.message.CreateVolume;
import io.ashlar.protocol.message.DeleteVolume;
import io.ashlar.protocol.message.ErrorDetail;
import io.ashlar.protocol.message.GetNodeStatus;
import io.ashlar.protocol.message.Hello;
import io.ashlar.protocol.message.HelloAnswer;
import io.ashlar.protocol.message.ListVolumes;
import io.ashlar.protocol.message.NodeStatus;
import io.ashlar.protocol.message.ReleaseVolume;
import io.ashlar.protocol.message.ResizeVolume;
import io.ashlar.protocol.message.ShowVolume;
import io.ashlar.protocol.message.VolumeInfo;
import io.ashlar.protocol.message.VolumeList;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.buffer.UnpooledByteBufAllocator;
import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.net.ConnectException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.util.ArrayList;
import java.util.List;

/** A blocking connection to a node for volume commands: one request at a time, each within the timeout. */
@ConfinedTo(LoopKind.OWNER)
public final class AdminClient implements AutoCloseable {
    private final Socket socket;
    private final String node;
    private final Crc32c crc = new Crc32c();
    private long requestId;

    private AdminClient(Socket socket, String node) {
        this.socket = socket;
        this.node = node;
    }

    /**
     * Connects and greets.
     *
     * @param timeoutMs for connecting, and for each answer
     * @throws AdminException when there is no node, or none that speaks this version
     */
    public static AdminClient connect(InetSocketAddress address, int timeoutMs) throws AdminException {
        AdminClient client = new AdminClient(new Socket(), address.getHostString() + ":" + address.getPort());
        try {
            client.socket.connect(address, timeoutMs);
            client.socket.setTcpNoDelay(true);
            client.socket.setSoTimeout(timeoutMs);
        } catch (IOException e) {
            client.close();
            throw client.failure(e);
        }
        try {
            client.greet();
        } catch (AdminException e) {
            client.close();
            throw e;
        }
        return client;
    }

    private void greet() throws AdminException {
        Hello hello = Hello.newBuilder()
                .setVersionMin(Limits.VERSION)
                .setVersionMax(Limits.VERSION)
                .setSoftware("ashlar")
                .build();
        HelloAnswer answer = ask(Opcode.HELLO, hello, HelloAnswer.parser());
        if (answer.getVersion() != Limits.VERSION) {
            throw versionMismatch("version " + answer.getVersion());
        }
    }

    private AdminException versionMismatch(String theirs) {
        return new AdminException(
                Status.VERSION_UNSUPPORTED,
                node + " speaks " + theirs + " of the protocol, this program version " + Limits.VERSION);
    }

    /** Creates a volume; block size 0 means the node's default. */
    public VolumeInfo createVolume(String name, long sizeBytes, int logicalBlockBytes) throws AdminException {
        CreateVolume command = CreateVolume.newBuilder()
                .setName(name)
                .setSizeBytes(sizeBytes)
                .setLogicalBlockBytes(logicalBlockBytes)
                .build();
        return call(AdminRequest.newBuilder().setCreateVolume(command)).getCreateVolume();
    }

    /** Returns all volumes, by name. */
    public List<VolumeInfo> listVolumes() throws AdminException {
        List<VolumeInfo> all = new ArrayList<>();
        String after = "";
        while (true) {
            ListVolumes command = ListVolumes.newBuilder().setAfter(after).build();
            VolumeList page =
                    call(AdminRequest.newBuilder().setListVolumes(command)).getListVolumes();
            all.addAll(page.getVolumesList());
            if (!page.getMore() || page.getVolumesCount() == 0) {
                return all;
            }
            after = page.getVolumes(page.getVolumesCount() - 1).getName();
        }
    }

    /** Returns one volume. */
    public VolumeInfo showVolume(String name) throws AdminException {
        ShowVolume command = ShowVolume.newBuilder().setName(name).build();
        return call(AdminRequest.newBuilder().setShowVolume(command)).getShowVolume();
    }

    /** Deletes a volume and its data. */
    public VolumeInfo deleteVolume(String name) throws AdminException {
        DeleteVolume command = DeleteVolume.newBuilder().setName(name).build();
        return call(AdminRequest.newBuilder().setDeleteVolume(command)).getDeleteVolume();
    }

    /** Makes a volume larger. */
    public VolumeInfo resizeVolume(String name, long sizeBytes) throws AdminException {
        ResizeVolume command =
                ResizeVolume.newBuilder().setName(name).setSizeBytes(sizeBytes).build();
        return call(AdminRequest.newBuilder().setResizeVolume(command)).getResizeVolume();
    }

    /** Ends the attachment of a holder that is gone for good. */
    public VolumeInfo releaseVolume(String name) throws AdminException {
        ReleaseVolume command = ReleaseVolume.newBuilder().setName(name).build();
        return call(AdminRequest.newBuilder().setReleaseVolume(command)).getReleaseVolume();
    }

    /** Returns how the node is. */
    public NodeStatus nodeStatus() throws AdminException {
        return call(AdminRequest.newBuilder().setGetNodeStatus(GetNodeStatus.getDefaultInstance()))
                .getGetNodeStatus();
    }

    private AdminAnswer call(AdminRequest.Builder builder) throws AdminException {
        AdminRequest request = builder.build();
        AdminAnswer answer = ask(Opcode.ADMIN, request, AdminAnswer.parser());
        if (answer.getResultCase().getNumber() != request.getCommandCase().getNumber()) {
            throw broken(FrameFault.BAD_MESSAGE);
        }
        return answer;
    }

    private <M extends MessageLite> M ask(Opcode opcode, MessageLite request, Parser<M> parser) throws AdminException {
        try {
            ByteBuf frame = MessageFrames.request(UnpooledByteBufAllocator.DEFAULT, opcode, ++requestId, 0, request);
            try {
                frame.readBytes(socket.getOutputStream(), frame.readableBytes());
            } finally {
                frame.release();
            }
            return readAnswer(opcode, parser);
        } catch (IOException e) {
            throw failure(e);
        }
    }

    private <M extends MessageLite> M readAnswer(Opcode opcode, Parser<M> parser) throws IOException, AdminException {
        DataInputStream in = new DataInputStream(socket.getInputStream());
        while (true) {
            byte[] headerBytes = new byte[Limits.HEADER_BYTES];
            in.readFully(headerBytes);
            FrameHeader header = new FrameHeader().wrap(Unpooled.wrappedBuffer(headerBytes), 0);
            FrameFault fault = FrameRules.check(header, Direction.TO_CLIENT, crc);
            if (fault != null) {
                throw broken(fault);
            }
            byte[] payload = new byte[(int) header.payloadBytes()];
            in.readFully(payload);
            Status status = Status.ofCode(header.statusCode());
            if (!status.isOk()) {
                throw refused(status, payload);
            }
            if (header.opcode() == opcode && header.requestId() == requestId) {
                M answer = MessageFrames.parse(parser, Unpooled.wrappedBuffer(payload), 0, payload.length);
                if (answer == null) {
                    throw broken(FrameFault.BAD_MESSAGE);
                }
                return answer;
            }
            if (header.opcode() != Opcode.EVENT) {
                throw broken(FrameFault.UNKNOWN_REQUEST);
            }
        }
    }

    private AdminException refused(Status status, byte[] payload) {
        ErrorDetail detail =
                MessageFrames.parse(ErrorDetail.parser(), Unpooled.wrappedBuffer(payload), 0, payload.length);
        if (status == Status.VERSION_UNSUPPORTED && detail != null && detail.getVersionMax() > 0) {
            return versionMismatch("versions " + detail.getVersionMin() + " to " + detail.getVersionMax());
        }
        boolean silent = detail == null || detail.getMessage().isEmpty();
        return new AdminException(status, silent ? node + ": " + status.text() : detail.getMessage());
    }

    private AdminException broken(FrameFault fault) {
        return switch (fault) {
            case BAD_MAGIC -> new AdminException(Status.MALFORMED, node + " is not an Ashlar node");
            case BAD_VERSION -> versionMismatch("another version");
            default -> new AdminException(fault.status(), node + " broke the protocol: " + fault.text());
        };
    }

    private AdminException failure(IOException e) {
        String text;
        if (e instanceof SocketTimeoutException) {
            text = "no answer from " + node;
        } else if (e instanceof EOFException) {
            text = node + " closed the connection; is it an Ashlar node?";
        } else if (e instanceof ConnectException) {
            text = "can't reach a node at " + node + ": connection refused";
        } else {
            text = "can't reach a node at " + node + ": " + e.getMessage();
        }
        return new AdminException(Status.UNAVAILABLE, text);
    }

    @Override
    public void close() {
        try {
            socket.close();
        } catch (IOException e) {
            // It was to be closed, and nothing was under way.
        }
    }
}
