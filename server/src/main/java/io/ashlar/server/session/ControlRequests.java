package io.ashlar.server.session;

import com.google.protobuf.MessageLite;
import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.loop.Loop;
import io.ashlar.base.status.Status;
import io.ashlar.protocol.codec.MessageFrames;
import io.ashlar.protocol.frame.FrameFault;
import io.ashlar.protocol.frame.FrameHeader;
import io.ashlar.protocol.frame.Limits;
import io.ashlar.protocol.frame.Opcode;
import io.ashlar.protocol.message.AdminRequest;
import io.ashlar.protocol.message.ErrorDetail;
import io.ashlar.protocol.message.Hello;
import io.ashlar.protocol.message.HelloAnswer;
import io.ashlar.protocol.message.Open;
import io.ashlar.protocol.message.OpenAnswer;
import io.ashlar.protocol.message.OpenMode;
import io.ashlar.server.registry.AdminOutcome;
import io.ashlar.server.registry.NodeIdentity;
import io.ashlar.server.registry.OpenRequest;
import io.ashlar.server.registry.OpenResult;
import io.ashlar.server.registry.VolumeMessages;
import io.ashlar.store.catalogue.VolumeRecord;
import io.netty.buffer.ByteBuf;
import java.util.concurrent.TimeUnit;

/** HELLO, OPEN, CLOSE, ADMIN and BLOCK_STATUS: rare, so they may allocate; what may wait goes to the registry. */
@ConfinedTo(LoopKind.DATA)
final class ControlRequests {
    /** Volume commands of one connection that the registry has at a time: each may hold 64 KiB of what its client sent. */
    private static final int COMMANDS_MAX = 4;

    private final Connection connection;
    private final NodeServices services;
    private final VolumeHandles handles;
    private int commands;

    ControlRequests(Connection connection, NodeServices services, VolumeHandles handles) {
        this.connection = connection;
        this.services = services;
        this.handles = handles;
    }

    /** Takes a frame; returns false when the connection has been given up over it. */
    boolean onFrame(FrameHeader header, ByteBuf memory, int payloadIndex, int payloadBytes, long startNs) {
        Call call = new Call(header.opcode(), header.requestId(), startNs);
        return switch (header.opcode()) {
            case HELLO -> hello(call, MessageFrames.parse(Hello.parser(), memory, payloadIndex, payloadBytes));
            case OPEN -> open(call, MessageFrames.parse(Open.parser(), memory, payloadIndex, payloadBytes));
            case ADMIN -> admin(call, MessageFrames.parse(AdminRequest.parser(), memory, payloadIndex, payloadBytes));
            case CLOSE -> close(call, handles.find(header.handle()), header.aux());
            case BLOCK_STATUS -> blockStatus(call, header);
            default -> connection.fault(FrameFault.OUT_OF_TURN, header.opcode(), header.requestId());
        };
    }

    private boolean hello(Call call, Hello hello) {
        if (hello == null) {
            return connection.fault(FrameFault.BAD_MESSAGE, call.opcode, call.requestId);
        }
        if (Integer.compareUnsigned(hello.getVersionMin(), Limits.VERSION) > 0
                || Integer.compareUnsigned(hello.getVersionMax(), Limits.VERSION) < 0) {
            ErrorDetail detail = ErrorDetail.newBuilder()
                    .setMessage("this node speaks version " + Limits.VERSION + " of the protocol, the client "
                            + Integer.toUnsignedString(hello.getVersionMin()) + " to "
                            + Integer.toUnsignedString(hello.getVersionMax()))
                    .setVersionMin(Limits.VERSION)
                    .setVersionMax(Limits.VERSION)
                    .build();
            return connection.refuseAndClose(Opcode.HELLO, call.requestId, Status.VERSION_UNSUPPORTED, detail);
        }
        NodeIdentity node = services.node();
        connection.ready();
        connection.flow().began();
        call.answer(
                0,
                HelloAnswer.newBuilder()
                        .setVersion(Limits.VERSION)
                        .setInFlightMax(services.limits().inFlightMax())
                        .setPayloadBytesMax(Limits.PAYLOAD_BYTES_MAX)
                        .setNodeId(VolumeMessages.bytes(node.nodeUuid()))
                        .setBootId(VolumeMessages.bytes(node.bootId()))
                        .setStartId(VolumeMessages.bytes(node.startId()))
                        .setSoftware(node.software())
                        .build());
        return true;
    }

    private boolean open(Call call, Open open) {
        if (open == null) {
            return connection.fault(FrameFault.BAD_MESSAGE, call.opcode, call.requestId);
        }
        if (connection.isAbandoned()) {
            connection.closeNow(); // its client may have opened the volume elsewhere by now
            return false;
        }
        connection.flow().began();
        boolean readOnly = open.getMode() == OpenMode.OPEN_MODE_READ_ONLY;
        boolean steal = open.getMode() == OpenMode.OPEN_MODE_STEAL;
        if (!readOnly && !steal && open.getMode() != OpenMode.OPEN_MODE_READ_WRITE) {
            call.refuse(Status.INVALID, "unknown mode of OPEN", null);
            return true;
        }
        if (open.getLoop() < 0 || open.getLoop() >= Limits.LOOPS_MAX || open.getEpoch() < 0) {
            call.refuse(Status.INVALID, "loop or epoch is out of range", null);
            return true;
        }
        if (open.getVolume().length() > Limits.VOLUME_NAME_BYTES_MAX
                || open.getHostId().length() > Limits.HOST_ID_BYTES_MAX) {
            call.refuse(Status.INVALID, "the name of the volume or the host is too long", null);
            return true;
        }
        OpenVolume volume = handles.add(
                handle -> new OpenVolume(connection, connection.loop().loop(), handle, open.getVolume(), readOnly));
        if (volume == null) {
            int max = services.limits().handlesMax();
            call.refuse(Status.TOO_LARGE, "a connection may have " + max + " volumes open", null);
            return true;
        }
        OpenRequest request = new OpenRequest(
                open.getVolume(),
                open.getHostId(),
                open.getEpoch(),
                readOnly,
                steal,
                open.getLoop(),
                open.getAttempt());
        Loop loop = connection.loop().loop();
        Loop.Scheduled patience = loop.schedule(
                () -> giveUp(call, volume),
                TimeUnit.MILLISECONDS.toNanos(services.limits().openTimeoutMs()));
        services.registry()
                .open(
                        request,
                        volume,
                        result -> loop.execute(() -> {
                            patience.cancel();
                            opened(call, volume, result);
                        }));
        return true;
    }

    /** The disk is stuck with older requests: the client learns that and may ask again; what is granted later goes back. */
    private void giveUp(Call call, OpenVolume volume) {
        if (volume.state() != OpenVolume.State.OPENING) {
            return; // closed: the registry's answer ends it
        }
        volume.giveUpOpening();
        call.refuse(Status.BUSY, "it is still finishing older requests of this volume", null);
    }

    private void opened(Call call, OpenVolume volume, OpenResult result) {
        if (call.answered) {
            handles.remove(volume);
            if (result instanceof OpenResult.Opened late) {
                volume.opened(late.device(), late.ticket());
            }
            return;
        }
        if (result instanceof OpenResult.Refused refused) {
            handles.remove(volume);
            call.refuse(refused.status(), refused.message(), refused.holder());
            return;
        }
        OpenResult.Opened opened = (OpenResult.Opened) result;
        if (!volume.opened(opened.device(), opened.ticket())) {
            handles.remove(volume);
            call.refuse(Status.UNAVAILABLE, "the connection has ended", null);
            return;
        }
        call.answer(
                volume.handle(),
                OpenAnswer.newBuilder()
                        .setHandle(volume.handle())
                        .setGeometry(VolumeMessages.geometry(volume.geometry().withReadOnly(volume.readOnly())))
                        .setEpoch(volume.readOnly() ? 0 : opened.record().epoch())
                        .setIncarnation(opened.incarnation())
                        .setVolumeId(VolumeMessages.bytes(opened.record().uuid()))
                        .setHeldSinceMs(
                                volume.readOnly()
                                        ? 0
                                        : opened.record().attachment().sinceMs())
                        .build());
    }

    private boolean close(Call call, OpenVolume volume, long aux) {
        if (volume == null) {
            return badHandle(call);
        }
        connection.flow().began();
        if (aux != 0 && aux != 1) {
            call.refuse(Status.INVALID, "unknown way of CLOSE", null);
            return true;
        }
        volume.close(aux == 1, status -> {
            handles.remove(volume);
            if (status.isOk()) {
                call.answer(volume.handle(), null);
            } else {
                call.refuse(status, "the end of the attachment could not be made durable", null);
            }
        });
        return true;
    }

    private boolean admin(Call call, AdminRequest request) {
        if (request == null) {
            return connection.fault(FrameFault.BAD_MESSAGE, call.opcode, call.requestId);
        }
        connection.flow().began();
        if (commands == COMMANDS_MAX) {
            call.refuse(Status.BUSY, "a connection may have " + COMMANDS_MAX + " commands under way", null);
            return true;
        }
        commands++;
        services.registry()
                .command(request, outcome -> connection.loop().loop().execute(() -> answered(call, outcome)));
        return true;
    }

    private void answered(Call call, AdminOutcome outcome) {
        commands--;
        if (outcome instanceof AdminOutcome.Refused refused) {
            call.refuse(refused.status(), refused.message(), refused.holder());
        } else {
            call.answer(0, ((AdminOutcome.Done) outcome).answer());
        }
    }

    private boolean blockStatus(Call call, FrameHeader header) {
        OpenVolume volume = handles.find(header.handle());
        if (volume == null) {
            return badHandle(call);
        }
        connection.flow().began();
        new BlockStatusRequest(volume).start(header.offsetBytes(), header.lengthBytes(), call);
        return true;
    }

    private boolean badHandle(Call call) {
        return connection.refuseAndClose(call.opcode, call.requestId, Status.BAD_HANDLE, "unknown volume handle");
    }

    /** One request of the control plane, from its frame to its answer. */
    @ConfinedTo(LoopKind.DATA)
    final class Call {
        private final Opcode opcode;
        private final long requestId;
        private final long startNs;
        private boolean answered;

        Call(Opcode opcode, long requestId, long startNs) {
            this.opcode = opcode;
            this.requestId = requestId;
            this.startNs = startNs;
        }

        /** Answers OK; the message may be null. */
        void answer(int handle, MessageLite message) {
            count(Status.OK);
            connection.send(MessageFrames.answer(connection.channel().alloc(), opcode, requestId, handle, message));
            connection.flow().ended();
        }

        /** Answers another status and why; the volume is the one that somebody holds, or null. */
        void refuse(Status status, String message, VolumeRecord holder) {
            count(status);
            ErrorDetail.Builder detail = ErrorDetail.newBuilder().setMessage(message);
            if (holder != null) {
                detail.setHolder(VolumeMessages.holder(holder));
            }
            connection.send(
                    MessageFrames.refusal(connection.channel().alloc(), opcode, requestId, 0, status, detail.build()));
            connection.flow().ended();
        }

        private void count(Status status) {
            answered = true;
            long now = connection.loop().nowNs();
            connection.counters().answered(opcode, status, 0, now - startNs);
        }
    }
}
