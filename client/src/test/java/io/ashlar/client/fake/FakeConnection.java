package io.ashlar.client.fake;

import com.google.protobuf.ByteString;
import com.google.protobuf.MessageLite;
import io.ashlar.base.block.BlockGeometry;
import io.ashlar.base.checksum.Crc32c;
import io.ashlar.base.status.Remedy;
import io.ashlar.base.status.Status;
import io.ashlar.protocol.codec.FrameHandler;
import io.ashlar.protocol.codec.MessageFrames;
import io.ashlar.protocol.frame.FrameFault;
import io.ashlar.protocol.frame.FrameFlags;
import io.ashlar.protocol.frame.FrameHeader;
import io.ashlar.protocol.frame.Limits;
import io.ashlar.protocol.frame.Opcode;
import io.ashlar.protocol.message.BlockStatusAnswer;
import io.ashlar.protocol.message.ErrorDetail;
import io.ashlar.protocol.message.Event;
import io.ashlar.protocol.message.Open;
import io.ashlar.protocol.message.OpenAnswer;
import io.netty.buffer.ByteBuf;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** One connection of a {@link FakeNode}: works requests off as they come, in order. */
final class FakeConnection implements FrameHandler {
    private final FakeNode node;
    private final Channel channel;
    private final Crc32c crc = new Crc32c();
    private final List<FakeRequest> kept = new ArrayList<>();
    private int handle;
    private long epoch;

    FakeConnection(FakeNode node, Channel channel) {
        this.node = node;
        this.channel = channel;
    }

    @Override
    public boolean onFrame(FrameHeader header, ByteBuf memory, int payloadIndex, int payloadBytes) {
        long id = header.requestId();
        switch (header.opcode()) {
            case HELLO -> send(MessageFrames.answer(channel.alloc(), Opcode.HELLO, id, 0, node.greeting()));
            case OPEN -> open(id, MessageFrames.parse(Open.parser(), memory, payloadIndex, payloadBytes));
            case PING -> {
                if (node.answersPings) {
                    answer(Opcode.PING, id, null);
                }
            }
            case CLOSE -> {
                node.detachments.addAndGet((int) header.aux());
                node.onClose.run();
                if (node.closes.isOk()) {
                    answer(Opcode.CLOSE, id, null);
                } else {
                    refuse(Opcode.CLOSE, id, node.closes);
                }
            }
            default -> request(header, memory, payloadIndex);
        }
        return true;
    }

    private void open(long id, Open open) {
        node.opens.add(open);
        if (!open.getVolume().equals(FakeNode.VOLUME)) {
            refuse(Opcode.OPEN, id, Status.NOT_FOUND);
        } else if (open.getEpoch() != 0 && open.getEpoch() != node.epoch.get()) {
            refuse(Opcode.OPEN, id, Status.FENCED);
        } else if (node.busy) {
            refuse(Opcode.OPEN, id, Status.BUSY);
        } else if (node.answersOpen) {
            handle = node.handles.incrementAndGet();
            epoch = node.epoch.get();
            answer(
                    Opcode.OPEN,
                    id,
                    OpenAnswer.newBuilder()
                            .setHandle(handle)
                            .setGeometry(node.geometry())
                            .setEpoch(node.epoch.get())
                            .setIncarnation(node.incarnations.incrementAndGet())
                            .setVolumeId(node.volumeId)
                            .build());
        }
    }

    private void request(FrameHeader header, ByteBuf memory, int payloadIndex) {
        byte[] data = new byte[header.opcode() == Opcode.WRITE ? (int) header.lengthBytes() : 0];
        int count = header.checksumCount();
        boolean match = true;
        if (data.length > 0) {
            int dataIndex = payloadIndex + count * Limits.CHECKSUM_BYTES;
            memory.getBytes(dataIndex, data);
            int within = (int) (header.offsetBytes() & (BlockGeometry.BLOCK_BYTES - 1));
            int from = 0;
            for (int i = 0; i < count; i++) {
                int piece = Math.min(BlockGeometry.BLOCK_BYTES - within, data.length - from);
                match &= crc.compute(memory, dataIndex + from, piece)
                        == memory.getIntLE(payloadIndex + i * Limits.CHECKSUM_BYTES);
                from += piece;
                within = 0;
            }
        }
        FakeRequest request = new FakeRequest(
                header.opcode(),
                header.requestId(),
                header.offsetBytes(),
                (int) header.lengthBytes(),
                header.flags(),
                header.aux(),
                ByteString.copyFrom(data),
                match);
        if (header.handle() != handle) {
            refuse(header.opcode(), header.requestId(), Status.BAD_HANDLE);
            return;
        }
        if (node.recording) {
            node.requests.add(request);
        }
        if (node.keep.test(request)) {
            kept.add(request);
        } else {
            workOff(request);
        }
    }

    void workOffKept() {
        kept.forEach(this::workOff);
        kept.clear();
        channel.flush();
    }

    private void workOff(FakeRequest request) {
        Status status = epoch == node.epoch.get() ? node.decide.apply(request) : Status.FENCED;
        if (node.swallow.test(request)) {
            return;
        }
        if (status.isOk() && !request.checksumsMatch()) {
            status = Status.CHECKSUM;
        }
        if (!status.isOk()) {
            refuse(request.opcode(), request.requestId(), status);
            if (status.remedy() == Remedy.CLOSE_CONNECTION) {
                channel.flush();
                breakOff();
            }
            return;
        }
        int from = (int) request.offset();
        int to = from + request.length();
        switch (request.opcode()) {
            case READ -> {
                sendBlocks(request);
                return;
            }
            case WRITE -> request.data().copyTo(node.volume, from);
            case WRITE_ZEROES -> Arrays.fill(node.volume, from, to, (byte) 0);
            case DISCARD -> {
                int first = (int) BlockGeometry.blockCeiling(from);
                Arrays.fill(node.volume, first, Math.max(first, (int) BlockGeometry.blockFloor(to)), (byte) 0);
            }
            default -> {}
        }
        answer(request.opcode(), request.requestId(), request.opcode() == Opcode.BLOCK_STATUS ? runs(request) : null);
    }

    /** Blocks of zeroes are absent. */
    private BlockStatusAnswer runs(FakeRequest request) {
        BlockStatusAnswer.Builder answer = BlockStatusAnswer.newBuilder();
        int end = (int) request.offset() + request.length();
        for (int at = (int) request.offset(); at < end; at += BlockGeometry.BLOCK_BYTES) {
            int length = Math.min(BlockGeometry.BLOCK_BYTES, end - at);
            boolean zero = Arrays.equals(node.volume, at, at + length, new byte[length], 0, length);
            answer.addRuns(BlockStatusAnswer.Run.newBuilder()
                    .setLengthBytes(length)
                    .setState(zero ? BlockStatusAnswer.State.STATE_ABSENT : BlockStatusAnswer.State.STATE_DATA));
        }
        return answer.build();
    }

    private void sendBlocks(FakeRequest request) {
        int from = (int) BlockGeometry.blockFloor(request.offset());
        int length = (int) BlockGeometry.blockCeiling(request.offset() + request.length()) - from;
        byte[] blocks = Arrays.copyOf(Arrays.copyOfRange(node.volume, from, from + length), length);
        int count = length / BlockGeometry.BLOCK_BYTES;
        int tableBytes = count * Limits.CHECKSUM_BYTES;
        int dataAt = Limits.HEADER_BYTES + tableBytes;
        ByteBuf frame =
                channel.alloc().directBuffer(dataAt + length).writeZero(dataAt).writeBytes(blocks);
        for (int i = 0; i < count; i++) {
            int sum = crc.compute(frame, dataAt + i * BlockGeometry.BLOCK_BYTES, BlockGeometry.BLOCK_BYTES);
            frame.setIntLE(Limits.HEADER_BYTES + i * Limits.CHECKSUM_BYTES, sum);
        }
        if (node.corruptReads.getAndUpdate(n -> Math.max(0, n - 1)) > 0) {
            frame.setByte(dataAt + 7, frame.getByte(dataAt + 7) ^ 0x10);
        }
        new FrameHeader()
                .wrap(frame, 0)
                .clear()
                .opcode(Opcode.READ)
                .flags(FrameFlags.RESPONSE)
                .requestId(request.requestId())
                .range(from, length)
                .checksumCount(count)
                .payloadBytes(tableBytes + length)
                .seal(crc);
        send(frame);
    }

    private void answer(Opcode opcode, long id, MessageLite message) {
        send(MessageFrames.answer(channel.alloc(), opcode, id, handle, message));
    }

    private void refuse(Opcode opcode, long id, Status status) {
        ErrorDetail detail = ErrorDetail.newBuilder()
                .setMessage("fake node: " + status.text())
                .build();
        send(MessageFrames.refusal(channel.alloc(), opcode, id, handle, status, detail));
    }

    void sendEvent(Event event) {
        send(MessageFrames.event(channel.alloc(), handle, event));
        channel.flush();
    }

    void send(ByteBuf frame) {
        ChannelFuture unused = channel.write(frame, channel.voidPromise());
    }

    void breakOff() {
        ChannelFuture unused = channel.close();
    }

    @Override
    public void onBatchEnd() {
        channel.flush();
    }

    @Override
    public void onFault(FrameFault fault, long requestId) {
        throw new AssertionError("the client broke the protocol: " + fault);
    }

    @Override
    public void onClosed() {
        node.connections.remove(this);
    }
}
