package io.ashlar.nbd.session;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.ashlar.base.block.MemoryBlockDevice;
import io.ashlar.base.status.Status;
import io.ashlar.nbd.wire.Command;
import io.ashlar.nbd.wire.CommandFlags;
import io.ashlar.nbd.wire.NbdError;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The server over real sockets. */
class NbdServerTest {
    private static final int SIZE = 16 << 20;
    private static final byte[] NOTHING = new byte[0];

    private static byte[] random(int length, long seed) {
        byte[] bytes = new byte[length];
        new Random(seed).nextBytes(bytes);
        return bytes;
    }

    @Test
    void shouldReadBackInOnePieceWhenAnOldClientWritesMuch() throws Exception {
        byte[] data = random(5 << 20, 1);
        try (Served served = Served.of(new DelayingDevice(SIZE, 4096));
                RawNbd client = RawNbd.old(served)) {
            assertThat(client.write(4096, data)).isZero();
            assertThat(client.read(4096, data.length)).isEqualTo(data);
            assertThat(client.read(5001, 3 << 20)).isEqualTo(Arrays.copyOfRange(data, 905, 905 + (3 << 20)));
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 4096, 65536, 262144, 262145, 4 << 20})
    void shouldReadTheSameWhenRepliesAreStructured(int length) throws Exception {
        byte[] data = random(length, 2);
        try (Served served = Served.of(new DelayingDevice(SIZE, 512));
                RawNbd writer = RawNbd.old(served);
                RawNbd client = RawNbd.modern(served, true)) {
            assertThat(writer.write(8192, data)).isZero();
            int rounded = (length + 511) / 512 * 512;
            client.send(Command.READ, 0, 8192, rounded, NOTHING);
            RawNbd.Structured reply = client.structured(8192, rounded);
            assertThat(reply.error()).isZero();
            assertThat(Arrays.copyOf(reply.data(), length)).isEqualTo(data);
            client.send(Command.READ, CommandFlags.DF, 8192, rounded, NOTHING);
            RawNbd.Structured one = client.structured(8192, rounded);
            boolean large = rounded > NbdLimits.PIECE_BYTES;
            assertThat(one.error()).isEqualTo(large ? NbdError.EOVERFLOW.code() : 0);
            assertThat(one.dataChunks()).isEqualTo(large ? 0 : 1);
        }
    }

    @Test
    void shouldAnswerErrorsOfTheDeviceInEitherForm() throws Exception {
        try (Served served = Served.memory(SIZE, 512);
                RawNbd plain = RawNbd.modern(served, false);
                RawNbd structured = RawNbd.modern(served, true)) {
            ((MemoryBlockDevice) served.device).failWith(Status.NO_SPACE);
            assertThat(plain.write(0, new byte[512])).isEqualTo(NbdError.ENOSPC.code());
            assertThat(plain.write(0, new byte[1 << 20])).isEqualTo(NbdError.ENOSPC.code());
            ((MemoryBlockDevice) served.device).failWith(Status.CORRUPT);
            assertThat(plain.ask(Command.READ, 0, 0, 4096, NOTHING)).isEqualTo(NbdError.EIO.code());
            assertThat(plain.ask(Command.READ, 0, 0, 1 << 20, NOTHING)).isEqualTo(NbdError.EIO.code());
            assertThat(plain.ask(Command.FLUSH, 0, 0, 0, NOTHING)).isEqualTo(NbdError.EIO.code());
            structured.send(Command.READ, 0, 0, 4096, NOTHING);
            assertThat(structured.structured(0, 4096).error()).isEqualTo(NbdError.EIO.code());
            structured.send(Command.READ, 0, 0, 1 << 20, NOTHING);
            assertThat(structured.structured(0, 1 << 20).error()).isEqualTo(NbdError.EIO.code());
            ((MemoryBlockDevice) served.device).failWith(Status.OK);
            assertThat(plain.write(0, new byte[512])).isZero();
        }
    }

    @Test
    void shouldPassTheDataOverWhenAWriteIsRefused() throws Exception {
        try (Served served = Served.of(new DelayingDevice(SIZE, 4096), true, NbdLimits.DEFAULT);
                RawNbd client = RawNbd.modern(served, false)) {
            client.send(Command.WRITE, 0, 0, 8192, new byte[8192]);
            client.send(Command.WRITE, 0, 0, 33 << 20, new byte[33 << 20]);
            client.send(Command.FLUSH, 0, 0, 0, NOTHING);
            assertThat(client.reply()).isEqualTo(NbdError.EPERM.code());
            assertThat(client.reply()).isEqualTo(NbdError.EPERM.code());
            assertThat(client.reply()).isZero();
        }
    }

    @Test
    void shouldTellWhatADeviceHoldsFromTheVeryByteAsked() throws Exception {
        try (Served served = Served.memory(SIZE, 4096);
                RawNbd client = RawNbd.modern(served, true)) {
            client.send(Command.BLOCK_STATUS, CommandFlags.REQ_ONE, 4096, 8192, NOTHING);
            assertThat(client.structured(0, 0).status()).containsExactly(8192, 0);
            client.send(Command.BLOCK_STATUS, 0, 0, SIZE, NOTHING);
            assertThat(client.structured(0, 0).status()).containsExactly(SIZE, 0);
        }
    }

    @Test
    void shouldZeroAndTrimAnyBytesForAClientThatKnowsNoBlocks() throws Exception {
        byte[] data = random(64 << 10, 3);
        try (Served served = Served.of(new DelayingDevice(SIZE, 4096));
                RawNbd client = RawNbd.old(served)) {
            assertThat(client.write(0, data)).isZero();
            assertThat(client.ask(Command.WRITE_ZEROES, 0, 1000, 30_001, NOTHING))
                    .isZero();
            assertThat(client.ask(Command.WRITE_ZEROES, 0, 40_000, 3, NOTHING)).isZero();
            assertThat(client.ask(Command.TRIM, 0, 49_000, 100, NOTHING)).isZero();
            assertThat(client.ask(Command.TRIM, 0, 49_000, 8192, NOTHING)).isZero();
            Arrays.fill(data, 1000, 31_001, (byte) 0);
            Arrays.fill(data, 40_000, 40_003, (byte) 0);
            Arrays.fill(data, 49_152, 53_248 + 0, (byte) 0);
            assertThat(client.read(0, data.length)).isEqualTo(data);
        }
    }

    /** Each of four clients owns every fourth byte, and none may lose one to its neighbours' rewriting of the block. */
    @Test
    void shouldLoseNoByteWhenClientsWriteIntoTheSameBlocks() throws Exception {
        int clients = 4;
        int length = 3 * 4096;
        try (Served served = Served.of(new DelayingDevice(SIZE, 4096))) {
            Thread[] threads = new Thread[clients];
            byte[][] expected = new byte[clients][length];
            Throwable[] failures = new Throwable[clients];
            for (int c = 0; c < clients; c++) {
                int mine = c;
                threads[c] = new Thread(() -> {
                    try {
                        writeOwnBytes(served, mine, clients, expected[mine]);
                    } catch (IOException | RuntimeException | Error e) {
                        failures[mine] = e;
                    }
                });
                threads[c].start();
            }
            for (Thread thread : threads) {
                thread.join();
            }
            assertThat(failures).containsOnlyNulls();
            try (RawNbd client = RawNbd.old(served)) {
                byte[] all = client.read(0, length);
                for (int i = 0; i < length; i++) {
                    assertThat(all[i]).as("byte %d", i).isEqualTo(expected[i / 256 % clients][i]);
                }
            }
        }
    }

    /** Client 0 writes whole blocks elsewhere as well, so that changes which need no rewrite go on beside it. */
    private static void writeOwnBytes(Served served, int mine, int clients, byte[] expected) throws IOException {
        Random random = new Random(mine);
        try (RawNbd client = RawNbd.old(served)) {
            int sent = 0;
            for (int round = 0; round < 8; round++) {
                for (int at = mine * 256; at < expected.length; at += clients * 256) {
                    byte[] data = random(256, random.nextLong());
                    System.arraycopy(data, 0, expected, at, 256);
                    client.send(Command.WRITE, 0, at, 256, data);
                    sent++;
                    if (mine == 0) {
                        client.send(Command.WRITE, 0, (1 << 20) + at / 256 * 4096, 4096, new byte[4096]);
                        sent++;
                    }
                }
                for (; sent > 0; sent--) {
                    assertThat(client.reply()).isZero();
                }
            }
        }
    }

    @Test
    void shouldAnswerEverythingWhenAClientSendsMoreThanMayBeInFlight() throws Exception {
        NbdLimits few = NbdLimits.DEFAULT.withRequestsMax(4);
        try (Served served = Served.of(new DelayingDevice(SIZE, 512), false, few);
                RawNbd client = RawNbd.modern(served, false)) {
            for (int i = 0; i < 500; i++) {
                client.send(Command.WRITE, 0, i * 512L, 512, random(512, i));
            }
            for (int i = 0; i < 500; i++) {
                assertThat(client.reply()).isZero();
            }
            for (int i = 0; i < 500; i += 50) {
                assertThat(client.read(i * 512L, 512)).isEqualTo(random(512, i));
            }
        }
    }

    /** Far more is asked for than answer memory and socket take, and read only then: everything still comes. */
    @ParameterizedTest
    @ValueSource(ints = {1, 4096, 1 << 20})
    void shouldAnswerEverythingWhenAClientReadsLate(int length) throws Exception {
        int count = length == 1 ? 20_000 : (48 << 20) / length;
        try (Served served = Served.memory(SIZE, 4096);
                RawNbd client = RawNbd.old(served)) {
            for (int i = 0; i < count; i++) {
                client.send(Command.READ, 0, 0, length, NOTHING);
            }
            byte[] data = new byte[length];
            for (int i = 0; i < count; i++) {
                assertThat(client.reply()).isZero();
                client.in.readFully(data);
            }
            assertThat(client.ask(Command.FLUSH, 0, 0, 0, NOTHING)).isZero();
        }
    }

    @Test
    void shouldDropAClientThatSaysNothing() throws Exception {
        NbdLimits impatient = NbdLimits.DEFAULT.withHandshakeTimeoutMs(200);
        try (Served served = Served.of(new DelayingDevice(SIZE, 512), false, impatient);
                RawNbd silent = new RawNbd(served);
                RawNbd halfClosed = new RawNbd(served);
                RawNbd serious = RawNbd.modern(served, true)) {
            halfClosed.socket.shutdownOutput();
            assertThat(silent.isHungUp()).isTrue();
            assertThat(halfClosed.isHungUp()).isTrue();
            assertThat(serious.write(0, new byte[512])).isZero();
        }
    }

    @Test
    void shouldTurnAwayWhoIsTooMany() throws Exception {
        NbdLimits two = NbdLimits.DEFAULT.withConnectionsMax(2);
        try (Served served = Served.of(new DelayingDevice(SIZE, 512), false, two)) {
            try (RawNbd first = RawNbd.modern(served, true);
                    RawNbd second = RawNbd.modern(served, true)) {
                assertThat(second.write(0, new byte[512])).isZero();
                assertThatThrownBy(() -> RawNbd.modern(served, true)).isInstanceOf(IOException.class);
                assertThat(first.write(0, new byte[512])).isZero();
            }
        }
    }

    @Test
    void shouldAnswerWhatIsInFlightWhenAClientSaysGoodbye() throws Exception {
        try (Served served = Served.of(new DelayingDevice(SIZE, 512));
                RawNbd client = RawNbd.modern(served, false)) {
            for (int i = 0; i < 20; i++) {
                client.send(Command.WRITE, 0, i * 512L, 512, new byte[512]);
            }
            client.send(Command.DISCONNECT, 0, 0, 0, NOTHING);
            for (int i = 0; i < 20; i++) {
                assertThat(client.reply()).isZero();
            }
            assertThat(client.in.read()).isEqualTo(-1);
        }
    }

    @Test
    void shouldAnswerWhatIsInFlightAndRefuseTheRestWhenTheServerStops() throws Exception {
        DelayingDevice device = new DelayingDevice(SIZE, 512);
        try (Served served = Served.of(device);
                RawNbd client = RawNbd.modern(served, false)) {
            assertThat(client.write(0, new byte[512])).isZero();
            device.holding = true;
            client.send(Command.WRITE, 0, 0, 512, new byte[512]);
            Thread.sleep(50);
            Thread stopping = new Thread(served.server::close);
            stopping.start();
            Thread.sleep(50);
            device.holding = false;
            assertThat(client.reply()).isZero();
            assertThat(client.isHungUp()).isTrue();
            stopping.join();
            assertThat(served.server.connectionCount()).isZero();
        }
    }

    @Test
    void shouldLetAHeldRequestEndUnseenWhenItsClientIsGone() throws Exception {
        DelayingDevice device = new DelayingDevice(SIZE, 4096);
        try (Served served = Served.of(device);
                RawNbd other = RawNbd.old(served)) {
            assertThat(other.write(0, new byte[512])).isZero();
            device.holding = true;
            try (RawNbd client = RawNbd.old(served)) {
                client.send(Command.WRITE, 0, 100, 5, new byte[5]);
                client.send(Command.WRITE, 0, 200, 5, new byte[5]);
                client.send(Command.READ, 0, 0, 1 << 20, NOTHING);
                client.send(Command.WRITE, 0, 0, 1 << 20, new byte[300 << 10]);
                Thread.sleep(50);
            }
            other.send(Command.WRITE, 0, 300, 5, new byte[5]);
            device.holding = false;
            assertThat(other.reply()).isZero();
        }
    }

    @TempDir
    Path folder;

    @Test
    void shouldReplaceADeadSocketButNoLivingOneAndNoFile() throws Exception {
        Path socket = folder.resolve("s");
        DelayingDevice device = new DelayingDevice(SIZE, 512);
        try (Served served = Served.on(socket, device)) {
            assertThatThrownBy(() -> NbdServer.checkFree(null, socket)).hasMessageContaining("somebody else does");
            Path dead = folder.resolve("dead");
            Files.createLink(dead, socket);
            assertThat(served.server.port()).isZero();
        }
        Path dead = folder.resolve("dead");
        assertThat(dead).exists();
        try (Served served = Served.on(dead, new DelayingDevice(SIZE, 512))) {
            assertThatThrownBy(() -> NbdServer.checkFree(null, dead)).hasMessageContaining("somebody else does");
            assertThat(served.server.connectionCount()).isLessThan(2);
        }
        Path file = Files.writeString(folder.resolve("file"), "text");
        assertThatThrownBy(() -> NbdServer.checkFree(null, file)).hasMessageContaining("no socket");
        assertThatThrownBy(() -> NbdServer.checkFree(null, folder.resolve("a/b")))
                .hasMessageContaining("no folder");
        assertThatThrownBy(() -> NbdServer.checkFree(null, folder.resolve("x".repeat(100))))
                .hasMessageContaining("107");
    }
}
