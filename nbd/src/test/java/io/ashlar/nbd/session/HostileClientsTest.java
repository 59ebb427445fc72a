package io.ashlar.nbd.session;

import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import io.ashlar.base.seed.TestSeed;
import io.ashlar.nbd.wire.Command;
import io.ashlar.nbd.wire.Option;
import io.ashlar.nbd.wire.Wire;
import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.net.SocketException;
import java.nio.charset.StandardCharsets;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.slf4j.LoggerFactory;

/**
 * Clients that send what they should not: good conversations with bytes changed, cut anywhere, sent in pieces. The server
 * must neither throw nor stop serving others, nor lose a buffer.
 */
class HostileClientsTest {
    private static final int CONVERSATIONS = 300;
    private static final int SIZE = 4 << 20;

    @Test
    void shouldServeOthersWhateverAClientSends() throws Exception {
        long seed = TestSeed.get();
        Random random = new Random(seed);
        ListAppender<ILoggingEvent> log = new ListAppender<>();
        log.start();
        Logger root = (Logger) LoggerFactory.getLogger(org.slf4j.Logger.ROOT_LOGGER_NAME);
        root.addAppender(log);
        try (Served served =
                        Served.of(new DelayingDevice(SIZE, 4096), false, NbdLimits.DEFAULT.withConnectionsMax(64));
                RawNbd good = RawNbd.old(served)) {
            for (int i = 0; i < CONVERSATIONS; i++) {
                try (RawNbd client = new RawNbd(served)) {
                    converse(client, random);
                }
                if (i % 10 == 0) {
                    assertThat(good.write(1 << 20, new byte[700]))
                            .as("seed=%d", seed)
                            .isZero();
                    assertThat(good.read(1 << 20, 700)).as("seed=%d", seed).hasSize(700);
                }
            }
        } finally {
            root.detachAppender(log);
        }
        assertThat(log.list).as("seed=%d", seed).noneMatch(event -> event.getLevel()
                .isGreaterOrEqual(Level.ERROR));
    }

    @Test
    void shouldNotKeepOthersWaitingForAClientThatTakesNoAnswers() throws Exception {
        DelayingDevice device = new DelayingDevice(64 << 20, 4096);
        try (Served served = Served.of(device);
                RawNbd stuck = RawNbd.old(served);
                RawNbd good = RawNbd.old(served)) {
            for (int i = 0; i < 200; i++) {
                stuck.send(Command.READ, 0, 0, 256 << 10, new byte[0]);
                stuck.send(Command.WRITE, 0, 100, 10, new byte[10]); // part of a block: wants to be alone
            }
            for (int i = 0; i < 50; i++) {
                assertThat(good.write(8192L * i, new byte[4096])).isZero();
            }
        }
    }

    private static void converse(RawNbd client, Random random) throws IOException {
        byte[] bytes = conversation(random);
        for (int i = random.nextInt(6); i > 0; i--) {
            bytes[random.nextInt(Math.min(bytes.length, 4096))] = (byte) random.nextInt();
        }
        int end = random.nextInt(3) == 0 ? random.nextInt(bytes.length) : bytes.length;
        try {
            for (int at = 0; at < end; ) {
                int piece = Math.min(end - at, 1 + random.nextInt(random.nextBoolean() ? 20 : 300_000));
                client.out.write(bytes, at, piece);
                at += piece;
                while (client.in.available() > 0) {
                    client.in.skipBytes(client.in.available());
                }
            }
            if (random.nextBoolean()) {
                client.socket.setSoLinger(true, 0); // hangs up with a reset
            }
        } catch (SocketException e) {
            assertThat(e).as("the server hung up first").isNotNull();
        }
    }

    private static byte[] conversation(Random random) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        DataOutputStream to = new DataOutputStream(bytes);
        to.writeInt(random.nextInt(4));
        if (random.nextBoolean()) {
            option(to, Option.STRUCTURED_REPLY, new byte[0]);
        }
        if (random.nextBoolean()) {
            option(to, Option.LIST, new byte[0]);
        }
        if (random.nextBoolean()) {
            option(to, Option.EXPORT_NAME, random.nextBoolean() ? new byte[0] : "vol".getBytes(StandardCharsets.UTF_8));
        } else {
            option(to, Option.GO, new byte[] {0, 0, 0, 3, 'v', 'o', 'l', 0, 1, 0, 3});
        }
        for (int i = random.nextInt(40); i > 0; i--) {
            Command command = Command.ofCode(random.nextInt(8));
            int length = random.nextInt(random.nextInt(10) == 0 ? 1 << 20 : 10_000);
            to.writeInt(Wire.REQUEST_MAGIC);
            to.writeShort(random.nextInt(4) == 0 ? random.nextInt(64) : 0);
            to.writeShort(command.code());
            to.writeLong(i);
            to.writeLong(random.nextInt(20) == 0 ? random.nextLong() : random.nextInt(SIZE));
            to.writeInt(random.nextInt(50) == 0 ? random.nextInt() : length);
            if (command == Command.WRITE) {
                to.write(new byte[length]);
            }
        }
        return bytes.toByteArray();
    }

    private static void option(DataOutputStream to, Option option, byte[] data) throws IOException {
        to.writeLong(Wire.OPTION_MAGIC);
        to.writeInt(option.code());
        to.writeInt(data.length);
        to.write(data);
    }
}
