package io.ashlar.server;

import static org.assertj.core.api.Assertions.assertThat;

import io.ashlar.base.checksum.Crc32c;
import io.ashlar.base.seed.TestSeed;
import io.ashlar.base.status.Status;
import io.ashlar.protocol.codec.MessageFrames;
import io.ashlar.protocol.frame.FrameFlags;
import io.ashlar.protocol.frame.FrameHeader;
import io.ashlar.protocol.frame.Limits;
import io.ashlar.protocol.frame.Opcode;
import io.ashlar.protocol.message.Hello;
import io.ashlar.protocol.message.OpenMode;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.buffer.UnpooledByteBufAllocator;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Whatever arrives on the port: one typed answer, a closed connection, and a node that goes on. */
class HostileInputTest {
    @TempDir
    static Path folder;

    private static NodeFixture node;

    @BeforeAll
    static void start() throws IOException {
        node = new NodeFixture(folder);
        try (RawClient client = RawClient.ready(node.address())) {
            assertThat(client.create("v", 2 << 20, 512).status()).isEqualTo(Status.OK);
        }
    }

    @AfterAll
    static void stop() {
        node.close();
    }

    private record BadFrame(String name, Consumer<FrameHeader> damage, boolean resealed, Status expected) {
        @Override
        public String toString() {
            return name;
        }
    }

    private static BadFrame sealed(String name, Status expected, Consumer<FrameHeader> damage) {
        return new BadFrame(name, damage, true, expected);
    }

    private static List<BadFrame> badFrames() {
        return List.of(
                new BadFrame("flipped bit", h -> h.aux(1), false, Status.MALFORMED),
                sealed("unknown handle", Status.BAD_HANDLE, h -> h.handle(99)),
                sealed("handle 0", Status.BAD_HANDLE, h -> h.handle(0)),
                sealed("negative handle", Status.BAD_HANDLE, h -> h.handle(-1)),
                sealed("second HELLO", Status.MALFORMED, h -> h.opcode(Opcode.HELLO)
                        .range(0, 0)),
                sealed("EVENT from a client", Status.MALFORMED, h -> h.opcode(Opcode.EVENT)
                        .range(0, 0)),
                sealed("answer from a client", Status.MALFORMED, h -> h.flags(FrameFlags.RESPONSE)),
                sealed("undefined flag", Status.MALFORMED, h -> h.flags(1 << 15)),
                sealed("status in a request", Status.MALFORMED, h -> h.statusCode(5)),
                sealed("payload of a read", Status.LIMIT_EXCEEDED, h -> h.payloadBytes(1)),
                sealed("4 GiB of payload", Status.LIMIT_EXCEEDED, h -> h.payloadBytes(-1)),
                sealed("empty read", Status.MALFORMED, h -> h.range(0, 0)),
                sealed("read across regions", Status.MALFORMED, h -> h.range((1 << 20) - 512, 1024)),
                sealed("read of 4 GiB", Status.MALFORMED, h -> h.range(0, 4L << 30)),
                sealed("negative offset", Status.MALFORMED, h -> h.range(-512, 512)),
                sealed("negative length", Status.MALFORMED, h -> h.range(512, -512)),
                sealed("write without checksums", Status.MALFORMED, h -> h.opcode(Opcode.WRITE)),
                sealed("write with too many checksums", Status.MALFORMED, h -> h.opcode(Opcode.WRITE)
                        .checksumCount(9)
                        .payloadBytes(4 * 9 + 4096)),
                sealed("close of nothing", Status.BAD_HANDLE, h -> h.opcode(Opcode.CLOSE)
                        .handle(77)
                        .range(0, 0)),
                sealed("block status of nothing", Status.BAD_HANDLE, h -> h.opcode(Opcode.BLOCK_STATUS)
                        .handle(77)));
    }

    @ParameterizedTest
    @MethodSource("badFrames")
    void shouldAnswerOnceAndCloseWhenAFrameIsBad(BadFrame bad) throws IOException {
        try (RawClient client = RawClient.ready(node.address())) {
            client.openOk("v", "host", OpenMode.OPEN_MODE_READ_ONLY, 0, 0);
            ByteBuf frame = client.request(Opcode.READ, 1, 0, 4096, 0);
            FrameHeader header = new FrameHeader().wrap(frame, 0);
            bad.damage().accept(header);
            if (bad.resealed()) {
                header.seal(new Crc32c());
            }
            client.sendBytes(frame);
            RawClient.Frame answer = client.receive();
            assertThat(answer.status()).isEqualTo(bad.expected());
            assertThat(answer.requestId()).isEqualTo(bad.resealed() ? client.nextId() : 0);
            assertThat(answer.detail().getMessage()).isNotEmpty().doesNotContain("\n");
            assertThat(client.isClosedByNode()).isTrue();
        }
        assertStillServing();
    }

    @Test
    void shouldLetThePeerReadWhyWhenItGoesOnSendingAfterABadFrame() throws IOException {
        try (RawClient client = RawClient.ready(node.address())) {
            ByteBuf frame = client.request(Opcode.READ, 99, 0, 4096, 0);
            long id = client.send(frame);
            client.sendBytes(Unpooled.wrappedBuffer(new byte[16 << 20]));
            RawClient.Frame answer = client.receive();
            assertThat(answer.status()).isEqualTo(Status.BAD_HANDLE);
            assertThat(answer.requestId()).isEqualTo(id);
            assertThat(client.isClosedByNode()).isTrue();
        }
    }

    private static void assertStillServing() throws IOException {
        try (RawClient client = RawClient.ready(node.address())) {
            int handle = client.openOk("v", "host", OpenMode.OPEN_MODE_READ_ONLY, 0, 0)
                    .getHandle();
            assertThat(client.read(handle, 0, 512)).hasSize(512);
        }
    }

    @Test
    void shouldCloseWhenTheFirstFrameIsNoHello() throws IOException {
        try (RawClient client = new RawClient(node.address())) {
            client.send(client.request(Opcode.PING, 0, 0, 0, 0));
            assertThat(client.receive().status()).isEqualTo(Status.MALFORMED);
            assertThat(client.isClosedByNode()).isTrue();
        }
    }

    @Test
    void shouldSayWhatItSpeaksWhenAClientIsTooOldOrTooNew() throws IOException {
        for (int[] versions : new int[][] {{0, 0}, {2, 9}, {-1, -1}}) {
            try (RawClient client = new RawClient(node.address())) {
                RawClient.Frame answer = client.call(
                        Opcode.HELLO,
                        0,
                        Hello.newBuilder()
                                .setVersionMin(versions[0])
                                .setVersionMax(versions[1])
                                .build());
                assertThat(answer.status()).isEqualTo(Status.VERSION_UNSUPPORTED);
                assertThat(answer.detail().getVersionMin()).isEqualTo(1);
                assertThat(answer.detail().getMessage()).contains("version 1");
                assertThat(client.isClosedByNode()).isTrue();
            }
        }
    }

    @Test
    void shouldCloseWhenAMessageIsNoMessage() throws IOException {
        for (Opcode opcode : List.of(Opcode.OPEN, Opcode.ADMIN)) {
            try (RawClient client = RawClient.ready(node.address())) {
                ByteBuf frame = MessageFrames.request(
                        UnpooledByteBufAllocator.DEFAULT,
                        opcode,
                        9,
                        0,
                        Hello.newBuilder().setSoftware("x".repeat(40)).build());
                frame.setByte(Limits.HEADER_BYTES, 0xFF);
                frame.setByte(Limits.HEADER_BYTES + 1, 0xFF);
                client.sendBytes(frame);
                RawClient.Frame answer = client.receive();
                assertThat(answer.status()).isEqualTo(Status.MALFORMED);
                assertThat(answer.opcode()).isEqualTo(opcode);
                assertThat(client.isClosedByNode()).isTrue();
            }
        }
    }

    @Test
    void shouldCloseWhenGarbageArrives() throws IOException {
        long seed = TestSeed.get();
        Random random = new Random(seed);
        for (int i = 0; i < 50; i++) {
            try (RawClient client = new RawClient(node.address())) {
                byte[] garbage = new byte[64 + random.nextInt(5000)];
                random.nextBytes(garbage);
                client.sendBytes(Unpooled.wrappedBuffer(garbage));
                RawClient.Frame answer = client.receive();
                assertThat(answer.status()).as("seed %d", seed).isEqualTo(Status.MALFORMED);
                assertThat(answer.requestId()).isZero();
            }
        }
        try (RawClient client = new RawClient(node.address())) {
            String http = "GET / HTTP/1.1\r\nHost: localhost:7440\r\nUser-Agent: somebody with a browser\r\n\r\n";
            client.sendBytes(Unpooled.wrappedBuffer(http.getBytes(StandardCharsets.US_ASCII)));
            assertThat(client.receive().status()).isEqualTo(Status.MALFORMED);
        }
        assertStillServing();
    }

    @Test
    void shouldGoOnWhenConnectionsEndInTheMiddleOfAFrame() throws IOException {
        byte[] data = new byte[8192];
        for (int cut : new int[] {1, 63, 64, 65, 4000}) {
            try (RawClient client = RawClient.ready(node.address())) {
                ByteBuf frame = RawClient.writeFrame(5, 1, 0, data, 0);
                client.sendBytes(frame.readRetainedSlice(cut));
                frame.release();
            }
        }
        assertStillServing();
    }
}
