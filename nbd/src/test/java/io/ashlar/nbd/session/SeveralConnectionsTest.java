package io.ashlar.nbd.session;

import static org.assertj.core.api.Assertions.assertThat;

import io.ashlar.base.block.Operation;
import io.ashlar.nbd.wire.Command;
import java.util.Arrays;
import org.junit.jupiter.api.Test;

/** What CAN_MULTI_CONN promises: a flush on any connection covers what was answered on all. */
class SeveralConnectionsTest {
    private static final int SIZE = 1 << 20;
    private static final byte[] NOTHING = new byte[0];

    private static byte[] block(int value) {
        byte[] block = new byte[4096];
        Arrays.fill(block, (byte) value);
        return block;
    }

    @Test
    void shouldFlushWhatWasAnsweredOnAConnectionOfAnotherLoop() throws Exception {
        RecordingDevice device = new RecordingDevice(SIZE, 4096);
        try (Served served = Served.of(device);
                RawNbd writer = RawNbd.modern(served, false);
                RawNbd flusher = RawNbd.modern(served, false)) {
            for (int i = 1; i <= 20; i++) {
                assertThat(writer.write(8192, block(i))).isZero();
                assertThat(device.flushed(8192)).as("nobody has flushed").isEqualTo((byte) (i - 1));
                assertThat(flusher.ask(Command.FLUSH, 0, 0, 0, NOTHING)).isZero();
                assertThat(device.flushed(8192)).isEqualTo((byte) i);
            }
            assertThat(device.seen().stream()
                            .map(seen -> seen.operation() + " on " + seen.loop())
                            .distinct())
                    .containsExactly("WRITE on nbd-0", "FLUSH on nbd-1");
        }
    }

    @Test
    void shouldAnswerAFlushOnlyWhenTheDeviceHas() throws Exception {
        RecordingDevice device = new RecordingDevice(SIZE, 4096);
        device.holdFlushes();
        try (Served served = Served.of(device);
                RawNbd writer = RawNbd.modern(served, false);
                RawNbd flusher = RawNbd.modern(served, false)) {
            assertThat(writer.write(0, block(1))).isZero();
            long flush = flusher.send(Command.FLUSH, 0, 0, 0, NOTHING);
            long write = flusher.send(Command.WRITE, 0, 4096, 4096, block(2));
            assertThat(flusher.answered()).as("the flush is held").isEqualTo(write);
            device.letFlushesGo();
            assertThat(flusher.answered()).isEqualTo(flush);
            assertThat(device.seen())
                    .extracting(RecordingDevice.Seen::operation)
                    .containsExactly(Operation.WRITE, Operation.FLUSH, Operation.WRITE);
        }
    }
}
