package io.ashlar.protocol.codec;

import static org.assertj.core.api.Assertions.assertThat;

import io.ashlar.protocol.frame.Direction;
import io.ashlar.protocol.frame.FrameFault;
import io.ashlar.protocol.frame.FrameHeader;
import io.ashlar.protocol.frame.Limits;
import io.netty.buffer.AbstractByteBufAllocator;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.PooledByteBufAllocator;
import io.netty.buffer.Unpooled;
import io.netty.channel.embedded.EmbeddedChannel;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;

/**
 * Streams of valid frames with mutations, cut anywhere. Whatever comes, the decoder hands over the frames before the
 * first mutation unchanged, then at most one fault; it throws nothing, leaks nothing, and never holds more memory than
 * twice what it was sent.
 */
class FrameFuzzTest {
    private static final int FRAMES = Integer.getInteger("ashlar.fuzz.frames", 1_000_000);
    private static final long SEED = Long.getLong("ashlar.seed", 20_261_122L);

    private final CountingAllocator allocator = new CountingAllocator();
    private final CheckingHandler handler = new CheckingHandler();
    private final byte[] stream = new byte[4 * Limits.FRAME_BYTES_MAX];
    private final List<byte[]> intact = new ArrayList<>();
    private int streamBytes;

    @Test
    void shouldKnowNoOutcomeButFramesAndOneFaultWhenStreamsAreMutated() {
        EmbeddedChannel channel = new EmbeddedChannel();
        channel.config().setAllocator(allocator);
        long examined = 0;
        for (long run = 0; examined < FRAMES; run++) {
            long seed = SEED + run;
            try {
                runStream(channel, new Random(seed));
            } catch (RuntimeException | AssertionError e) {
                throw new AssertionError("repeat with -Dashlar.seed=" + seed, e);
            }
            examined += handler.frames + handler.faults;
        }
        channel.finishAndReleaseAll();
        assertThat(examined).isGreaterThanOrEqualTo(FRAMES);
        assertThat(handler.faultKinds).as("faults met").hasSizeGreaterThanOrEqualTo(12);
    }

    private void runStream(EmbeddedChannel channel, Random random) {
        generate(random);
        handler.start(intact);
        FrameDecoder decoder = new FrameDecoder(handler, Direction.TO_NODE);
        channel.pipeline().addLast(decoder);
        int cutMax = random.nextInt(4) == 0 ? 80 : 1 + random.nextInt(200_000);
        for (int at = 0; at < streamBytes; ) {
            int piece = Math.min(1 + random.nextInt(cutMax), streamBytes - at);
            channel.writeInbound(Unpooled.wrappedBuffer(stream, at, piece));
            at += piece;
            assertThat(allocator.liveBytes()).isLessThanOrEqualTo(Math.max(Limits.RECEIVE_BYTES_INITIAL, 2L * at));
        }
        channel.checkException();
        assertThat(handler.frames).isGreaterThanOrEqualTo(intact.size());
        assertThat(handler.faults).isLessThanOrEqualTo(1);
        channel.pipeline().remove(decoder);
        assertThat(allocator.liveBytes()).isZero();
        assertThat(handler.closed).isEqualTo(1);
    }

    /** Fills the stream: a few intact frames, then mutated ones. */
    private void generate(Random random) {
        FrameFixtures fixtures = new FrameFixtures(random);
        intact.clear();
        streamBytes = 0;
        int intactCount = random.nextInt(8);
        int count = intactCount + 1 + random.nextInt(4);
        for (int i = 0; i < count; i++) {
            byte[] frame = fixtures.request(random.nextInt(2000) == 0 ? Limits.DATA_BYTES_MAX : 900);
            if (i < intactCount) {
                intact.add(frame);
            } else {
                mutate(random, frame);
                if (random.nextInt(8) != 0) {
                    fixtures.reseal(frame);
                }
            }
            int length = i >= intactCount && random.nextInt(10) == 0 ? random.nextInt(frame.length) : frame.length;
            System.arraycopy(frame, 0, stream, streamBytes, length);
            streamBytes += length;
        }
    }

    private static void mutate(Random random, byte[] frame) {
        for (int i = random.nextInt(3); i >= 0; i--) {
            int at = random.nextInt(random.nextInt(4) == 0 ? frame.length : FrameHeader.CRC_OFFSET);
            switch (random.nextInt(4)) {
                case 0 -> frame[at] ^= (byte) (1 << random.nextInt(8));
                case 1 -> frame[at] = (byte) random.nextInt();
                case 2 -> frame[at] = (byte) (random.nextBoolean() ? 0 : 0xFF);
                default -> frame[at]++;
            }
        }
    }

    /** Compares the intact frames, and reads every byte of the others. */
    private static final class CheckingHandler implements FrameHandler {
        private List<byte[]> expected;
        private final Set<FrameFault> faultKinds = EnumSet.noneOf(FrameFault.class);
        private int frames;
        private int faults;
        private int closed;

        void start(List<byte[]> newExpected) {
            expected = newExpected;
            frames = 0;
            faults = 0;
            closed = 0;
        }

        @Override
        public boolean onFrame(FrameHeader header, ByteBuf memory, int payloadIndex, int payloadBytes) {
            if (faults > 0) {
                throw new AssertionError("a frame after a fault");
            }
            if (frames < expected.size()) {
                ByteBuf sent = Unpooled.wrappedBuffer(expected.get(frames));
                int length = Limits.HEADER_BYTES + payloadBytes;
                assertThat(memory.slice(payloadIndex - Limits.HEADER_BYTES, length))
                        .isEqualTo(sent);
            } else if (payloadBytes > 0) {
                memory.getByte(payloadIndex + payloadBytes - 1);
            }
            frames++;
            return true;
        }

        @Override
        public void onBatchEnd() {}

        @Override
        public void onFault(FrameFault fault, long requestId) {
            faults++;
            faultKinds.add(fault);
        }

        @Override
        public void onClosed() {
            closed++;
        }
    }

    /** Knows every buffer that is alive. */
    private static final class CountingAllocator extends AbstractByteBufAllocator {
        private final List<ByteBuf> buffers = new ArrayList<>();

        CountingAllocator() {
            super(true);
        }

        long liveBytes() {
            long sum = 0;
            for (int i = buffers.size() - 1; i >= 0; i--) {
                if (buffers.get(i).refCnt() == 0) {
                    buffers.remove(i);
                } else {
                    sum += buffers.get(i).capacity();
                }
            }
            return sum;
        }

        @Override
        protected ByteBuf newHeapBuffer(int initialCapacity, int maxCapacity) {
            throw new AssertionError("the decoder has no business on the heap");
        }

        @Override
        protected ByteBuf newDirectBuffer(int initialCapacity, int maxCapacity) {
            ByteBuf buffer = PooledByteBufAllocator.DEFAULT.directBuffer(initialCapacity, maxCapacity);
            buffers.add(buffer);
            return buffer;
        }

        @Override
        public boolean isDirectBufferPooled() {
            return true;
        }
    }
}
