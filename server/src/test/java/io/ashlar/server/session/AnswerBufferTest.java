package io.ashlar.server.session;

import static org.assertj.core.api.Assertions.assertThat;

import io.ashlar.base.loop.ManualLoop;
import io.ashlar.protocol.codec.FrameWriter;
import io.ashlar.protocol.frame.Opcode;
import io.ashlar.server.metrics.LoopCounters;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.UnpooledByteBufAllocator;
import io.netty.channel.embedded.EmbeddedChannel;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;

/** Answers appended, reserved, committed and abandoned in any order come out whole, once each. */
class AnswerBufferTest {
    /** An answer of the model: its number repeated, behind its length. */
    private static final int HEAD = 8;

    @Property(tries = 100)
    void shouldSendEveryAnswerWholeAndOnceWhenReadsEndInAnyOrder(@ForAll long seed) {
        Random random = new Random(seed);
        EmbeddedChannel channel = new EmbeddedChannel();
        MemoryShare share = new MemoryShare(new ManualLoop(), new LoopCounters(), 1 << 20, () -> {});
        MemoryShare.Claim memory = share.new Claim(512 << 10, () -> {});
        PinPool pins = new PinPool(memory);
        FrameWriter writer = new FrameWriter(channel);
        AnswerBuffer answers = new AnswerBuffer(UnpooledByteBufAllocator.DEFAULT, writer, pins, memory);
        List<RequestSlot> waiting = new ArrayList<>();
        Map<Integer, Integer> expected = new HashMap<>();
        Map<RequestSlot, Integer> reserved = new HashMap<>();
        List<ByteBuffer> sent = new ArrayList<>();
        int number = 1;
        for (int i = 0; i < 300; i++) {
            int bytes = HEAD + 4 * random.nextInt(random.nextInt(6) == 0 ? 80_000 : 500);
            switch (random.nextInt(5)) {
                case 0 -> {
                    int start = answers.append(bytes);
                    fill(answers.chunk(), start, number, bytes);
                    expected.put(number++, bytes);
                }
                case 1, 2 -> {
                    RequestSlot slot = new RequestSlot();
                    slot.begin(null, null, Opcode.READ, number, 0);
                    answers.reserve(slot, bytes);
                    waiting.add(slot);
                    reserved.put(slot, bytes);
                    number++;
                }
                case 3 -> end(answers, pins, waiting, reserved, expected, random);
                default -> {
                    answers.emit();
                    writer.flush();
                    if (random.nextBoolean()) {
                        take(channel, sent);
                    }
                }
            }
        }
        while (!waiting.isEmpty()) {
            end(answers, pins, waiting, reserved, expected, random);
        }
        answers.emit();
        writer.flush();
        take(channel, sent);
        answers.close();
        assertThat(pins.bytes()).as("seed %d", seed).isZero();
        check(sent, expected, seed);
        channel.finishAndReleaseAll();
    }

    private static void fill(ByteBuf buffer, int start, int number, int bytes) {
        ByteBuffer answer = ByteBuffer.allocate(bytes).putInt(bytes);
        while (answer.hasRemaining()) {
            answer.putInt(number);
        }
        buffer.setBytes(start, answer.array());
    }

    private static void end(
            AnswerBuffer answers,
            PinPool pins,
            List<RequestSlot> waiting,
            Map<RequestSlot, Integer> reserved,
            Map<Integer, Integer> expected,
            Random random) {
        if (waiting.isEmpty()) {
            return;
        }
        RequestSlot slot = waiting.remove(random.nextInt(waiting.size()));
        if (random.nextInt(4) == 0) {
            answers.abandon(slot);
        } else {
            int bytes = random.nextBoolean() ? reserved.get(slot) : HEAD;
            int number = (int) slot.requestId();
            fill(slot.answerBuffer(), slot.answerIndex(), number, bytes);
            answers.commit(slot, bytes);
            expected.put(number, bytes);
        }
        if (slot.answerPin() != null) {
            pins.unpin(slot.answerPin());
            slot.pinAnswer(null);
        }
    }

    private static void take(EmbeddedChannel channel, List<ByteBuffer> sent) {
        for (ByteBuf part = channel.readOutbound(); part != null; part = channel.readOutbound()) {
            byte[] copy = new byte[part.readableBytes()];
            part.readBytes(copy);
            sent.add(ByteBuffer.wrap(copy));
            part.release();
        }
    }

    private static void check(List<ByteBuffer> sent, Map<Integer, Integer> expected, long seed) {
        Map<Integer, Integer> left = new HashMap<>(expected);
        for (ByteBuffer part : sent) {
            while (part.hasRemaining()) {
                int bytes = part.getInt();
                int number = part.getInt(part.position());
                assertThat(left.remove(number))
                        .as("seed %d, answer %d", seed, number)
                        .isEqualTo(bytes);
                for (int at = 4; at < bytes; at += 4) {
                    if (part.getInt() != number) {
                        throw new AssertionError("seed " + seed + ": answer " + number + " is torn");
                    }
                }
            }
        }
        assertThat(left).as("seed %d", seed).isEmpty();
    }
}
