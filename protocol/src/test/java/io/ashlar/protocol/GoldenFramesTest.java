package io.ashlar.protocol;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.ByteString;
import io.ashlar.base.checksum.Crc32c;
import io.ashlar.base.status.Status;
import io.ashlar.protocol.codec.MessageFrames;
import io.ashlar.protocol.frame.Direction;
import io.ashlar.protocol.frame.FrameFlags;
import io.ashlar.protocol.frame.FrameHeader;
import io.ashlar.protocol.frame.FrameRules;
import io.ashlar.protocol.frame.Limits;
import io.ashlar.protocol.frame.Opcode;
import io.ashlar.protocol.message.AdminRequest;
import io.ashlar.protocol.message.CreateVolume;
import io.ashlar.protocol.message.ErrorDetail;
import io.ashlar.protocol.message.Event;
import io.ashlar.protocol.message.EventKind;
import io.ashlar.protocol.message.Geometry;
import io.ashlar.protocol.message.Hello;
import io.ashlar.protocol.message.HelloAnswer;
import io.ashlar.protocol.message.Holder;
import io.ashlar.protocol.message.Open;
import io.ashlar.protocol.message.OpenAnswer;
import io.ashlar.protocol.message.OpenMode;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import io.netty.buffer.Unpooled;
import io.netty.buffer.UnpooledByteBufAllocator;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** Frames of version 1 never change: what the code encodes today is what {@code golden/frames-v1.txt} keeps. */
class GoldenFramesTest {
    private static final ByteBufAllocator ALLOCATOR = UnpooledByteBufAllocator.DEFAULT;
    private static final ByteString ID = ByteString.copyFrom(new byte[16]);

    @Test
    void shouldEncodeVersionOneAsItWasReleased() throws IOException {
        List<String> actual = frames().entrySet().stream()
                .map(e -> e.getKey() + " " + HexFormat.of().formatHex(e.getValue()))
                .toList();
        assertThat(actual).isEqualTo(golden());
    }

    @Test
    void shouldAcceptVersionOneAsItWasReleased() throws IOException {
        Crc32c crc = new Crc32c();
        for (String line : golden()) {
            byte[] frame = HexFormat.of().parseHex(line.substring(line.indexOf(' ') + 1));
            ByteBuf buffer = Unpooled.directBuffer(frame.length).writeBytes(frame);
            FrameHeader header = new FrameHeader().wrap(buffer, 0);
            boolean toClient = header.has(FrameFlags.RESPONSE) || header.opcode() == Opcode.EVENT;
            assertThat(FrameRules.check(header, toClient ? Direction.TO_CLIENT : Direction.TO_NODE, crc))
                    .as(line)
                    .isNull();
            assertThat(header.payloadBytes()).isEqualTo(frame.length - Limits.HEADER_BYTES);
            buffer.release();
        }
    }

    private static List<String> golden() throws IOException {
        return Files.readAllLines(Path.of("src", "test", "resources", "golden", "frames-v1.txt"));
    }

    private static Map<String, byte[]> frames() {
        Map<String, byte[]> frames = new LinkedHashMap<>();
        Hello hello = Hello.newBuilder()
                .setVersionMin(1)
                .setVersionMax(1)
                .setSoftware("ashlar/0.1.0")
                .setHostId("host-a")
                .build();
        frames.put("hello", bytes(MessageFrames.request(ALLOCATOR, Opcode.HELLO, 1, 0, hello)));
        HelloAnswer granted = HelloAnswer.newBuilder()
                .setVersion(1)
                .setInFlightMax(1024)
                .setPayloadBytesMax(Limits.PAYLOAD_BYTES_MAX)
                .setNodeId(ID)
                .setBootId(ID)
                .build();
        frames.put("hello-answer", bytes(MessageFrames.answer(ALLOCATOR, Opcode.HELLO, 1, 0, granted)));
        Open open = Open.newBuilder()
                .setVolume("db")
                .setHostId("host-a")
                .setEpoch(3)
                .setMode(OpenMode.OPEN_MODE_READ_WRITE)
                .setLoop(1)
                .setPreviousIncarnation(8)
                .build();
        frames.put("open", bytes(MessageFrames.request(ALLOCATOR, Opcode.OPEN, 2, 0, open)));
        Geometry geometry = Geometry.newBuilder()
                .setSizeBytes(10L << 30)
                .setLogicalBlockBytes(512)
                .build();
        OpenAnswer opened = OpenAnswer.newBuilder()
                .setHandle(7)
                .setGeometry(geometry)
                .setEpoch(3)
                .setIncarnation(9)
                .setVolumeId(ID)
                .build();
        frames.put("open-answer", bytes(MessageFrames.answer(ALLOCATOR, Opcode.OPEN, 2, 7, opened)));
        ErrorDetail held = ErrorDetail.newBuilder()
                .setMessage("held by host-b")
                .setHolder(Holder.newBuilder().setHostId("host-b").setSinceMs(1).setEpoch(4))
                .build();
        frames.put("open-refused", bytes(MessageFrames.refusal(ALLOCATOR, Opcode.OPEN, 2, 0, Status.IN_USE, held)));
        frames.put("ping", bytes(MessageFrames.request(ALLOCATOR, Opcode.PING, 3, 0, null)));
        AdminRequest create = AdminRequest.newBuilder()
                .setCreateVolume(CreateVolume.newBuilder().setName("db").setSizeBytes(10L << 30))
                .build();
        frames.put("admin", bytes(MessageFrames.request(ALLOCATOR, Opcode.ADMIN, 4, 0, create)));
        Event grown = Event.newBuilder()
                .setKind(EventKind.EVENT_KIND_GEOMETRY_CHANGED)
                .setGeometry(geometry)
                .build();
        frames.put("event", bytes(MessageFrames.event(ALLOCATOR, 7, grown)));
        frames.put("write", exampleWrite());
        frames.put("read", header(Opcode.READ, 0, 512, 512, 0));
        frames.put("read-answer", readAnswer());
        frames.put("write-zeroes", header(Opcode.WRITE_ZEROES, FrameFlags.UNMAP, 0, 1 << 30, 0));
        frames.put("discard", header(Opcode.DISCARD, 0, 4096, 8192, 0));
        frames.put("flush", header(Opcode.FLUSH, 0, 0, 0, 0));
        frames.put("block-status", header(Opcode.BLOCK_STATUS, 0, 0, 1L << 40, 0));
        frames.put("report-corrupt", header(Opcode.REPORT_CORRUPT, 0, 4096, 4096, 0x1122334455667788L));
        frames.put("close", header(Opcode.CLOSE, 0, 0, 0, 1));
        return frames;
    }

    private static byte[] header(Opcode opcode, int flags, long offset, long length, long aux) {
        ByteBuf buffer = Unpooled.directBuffer(Limits.HEADER_BYTES).writeZero(Limits.HEADER_BYTES);
        new FrameHeader()
                .wrap(buffer, 0)
                .clear()
                .opcode(opcode)
                .flags(flags)
                .requestId(42)
                .handle(7)
                .range(offset, length)
                .aux(aux)
                .seal(new Crc32c());
        return bytes(buffer);
    }

    /** Returns the worked example of {@code docs/protocol.md}. */
    static byte[] exampleWrite() {
        return data(Opcode.WRITE, FrameFlags.FUA, 4096 + 512, 512);
    }

    private static byte[] readAnswer() {
        return data(Opcode.READ, FrameFlags.RESPONSE, 0, 4096);
    }

    private static byte[] data(Opcode opcode, int flags, long offset, int length) {
        Crc32c crc = new Crc32c();
        byte[] data = new byte[length];
        Arrays.fill(data, (byte) 0xAB);
        int dataAt = Limits.HEADER_BYTES + Limits.CHECKSUM_BYTES;
        ByteBuf buffer =
                Unpooled.directBuffer(dataAt + length).writeZero(dataAt).writeBytes(data);
        buffer.setIntLE(Limits.HEADER_BYTES, crc.compute(buffer, dataAt, length));
        new FrameHeader()
                .wrap(buffer, 0)
                .clear()
                .opcode(opcode)
                .flags(flags)
                .requestId(42)
                .handle(7)
                .range(offset, length)
                .checksumCount(1)
                .payloadBytes(Limits.CHECKSUM_BYTES + length)
                .seal(crc);
        return bytes(buffer);
    }

    private static byte[] bytes(ByteBuf frame) {
        byte[] bytes = new byte[frame.readableBytes()];
        frame.readBytes(bytes);
        frame.release();
        return bytes;
    }
}
