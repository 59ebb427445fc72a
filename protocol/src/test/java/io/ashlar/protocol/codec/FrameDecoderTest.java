package io.ashlar.protocol.codec;

import static org.assertj.core.api.Assertions.assertThat;

import io.ashlar.protocol.frame.Direction;
import io.ashlar.protocol.frame.FrameFault;
import io.ashlar.protocol.frame.FrameHeader;
import io.ashlar.protocol.frame.Limits;
import io.netty.buffer.Unpooled;
import io.netty.channel.embedded.EmbeddedChannel;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class FrameDecoderTest {
    private final RecordingHandler handler = new RecordingHandler();
    private final EmbeddedChannel channel = new EmbeddedChannel(new FrameDecoder(handler, Direction.TO_NODE));
    private final FrameFixtures fixtures = new FrameFixtures(new Random(1));

    @AfterEach
    void close() {
        channel.finishAndReleaseAll();
        assertThat(handler.closed).isEqualTo(1);
    }

    private void feed(byte[] bytes) {
        channel.writeInbound(Unpooled.wrappedBuffer(bytes));
    }

    @Test
    void shouldHandOverEveryFrameWhenTheyComeOneByteAtATime() {
        List<byte[]> sent = new ArrayList<>();
        for (int i = 0; i < 50; i++) {
            sent.add(fixtures.request(600));
            for (byte b : sent.get(i)) {
                feed(new byte[] {b});
            }
        }
        assertThat(handler.frames).containsExactlyElementsOf(sent);
        assertThat(handler.faults).isEmpty();
    }

    @Property(tries = 60)
    void shouldHandOverEveryFrameWhenTheStreamIsCutAnywhere(@ForAll long seed) {
        Random random = new Random(seed);
        FrameFixtures valid = new FrameFixtures(random);
        RecordingHandler recorded = new RecordingHandler();
        EmbeddedChannel pipe = new EmbeddedChannel(new FrameDecoder(recorded, Direction.TO_NODE));
        List<byte[]> sent = new ArrayList<>();
        ByteArrayOutputStream stream = new ByteArrayOutputStream();
        for (int i = 0; i < 12; i++) {
            sent.add(valid.request(random.nextInt(8) == 0 ? Limits.DATA_BYTES_MAX : 20_000));
            stream.writeBytes(sent.get(i));
        }
        byte[] bytes = stream.toByteArray();
        int cutMax = random.nextBoolean() ? 3000 : 400_000;
        for (int at = 0; at < bytes.length; ) {
            int piece = Math.min(1 + random.nextInt(cutMax), bytes.length - at);
            pipe.writeInbound(Unpooled.wrappedBuffer(bytes, at, piece));
            at += piece;
        }
        assertThat(recorded.frames).containsExactlyElementsOf(sent);
        pipe.finishAndReleaseAll();
    }

    @Test
    void shouldSayThatTheBatchHasEndedOnceForAllFramesOfARead() {
        byte[] one = fixtures.request(100);
        feed(one);
        ByteArrayOutputStream three = new ByteArrayOutputStream();
        for (int i = 0; i < 3; i++) {
            three.writeBytes(fixtures.request(100));
        }
        feed(three.toByteArray());
        assertThat(handler.frames).hasSize(4);
        assertThat(handler.batches).isEqualTo(2);
    }

    @Test
    void shouldNameTheRequestWhenItsHeaderIsIntact() {
        byte[] frame = fixtures.request(100);
        frame[FrameHeader.OPCODE_OFFSET] = 30;
        System.arraycopy(new byte[] {42, 0, 0, 0, 0, 0, 0, 0}, 0, frame, FrameHeader.REQUEST_ID_OFFSET, 8);
        fixtures.reseal(frame);
        feed(frame);
        assertThat(handler.faults).containsExactly(FrameFault.UNKNOWN_OPCODE);
        assertThat(handler.faultyRequestId).isEqualTo(42);
    }

    @Test
    void shouldBeDeafWhenAFrameWasBad() {
        feed(new byte[] {'G', 'E', 'T', ' '});
        feed(new byte[60]);
        feed(fixtures.request(100));
        feed(new byte[1 << 20]);
        assertThat(handler.faults).containsExactly(FrameFault.BAD_MAGIC);
        assertThat(handler.faultyRequestId).isZero();
        assertThat(handler.frames).isEmpty();
    }

    @Test
    void shouldBeDeafWhenTheHandlerHasHadEnough() {
        handler.framesWanted = 2;
        ByteArrayOutputStream stream = new ByteArrayOutputStream();
        for (int i = 0; i < 5; i++) {
            stream.writeBytes(fixtures.request(100));
        }
        feed(stream.toByteArray());
        feed(fixtures.request(100));
        assertThat(handler.frames).hasSize(2);
    }

    @Test
    void shouldCloseTheConnectionWhenItWasReset() {
        channel.pipeline().fireExceptionCaught(new IOException("Connection reset by peer"));
        channel.runPendingTasks();
        assertThat(channel.isOpen()).isFalse();
        assertThat(handler.closed).isEqualTo(1);
    }
}
