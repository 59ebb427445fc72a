package io.ashlar.vduse.vhost;

import static org.assertj.core.api.Assertions.assertThat;

import io.ashlar.base.net.EpollLoop;
import io.ashlar.base.seed.TestSeed;
import io.ashlar.base.sys.Linux;
import io.ashlar.base.sys.UnixSocket;
import io.ashlar.vduse.device.HeldDevice;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.io.File;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Front ends that lie, rave and vanish. Whatever they send, the next one is served, and no descriptor is left behind. */
class HostileMessagesTest {
    private static final long SEED = TestSeed.get();
    private static final int CONNECTIONS = 150;
    private static final int MESSAGES = 40;

    @TempDir
    Path folder;

    private final Random random = new Random(SEED);
    private VhostStand stand;
    private VhostUserDevice device;
    private Path path;

    @BeforeEach
    void start() throws Exception {
        stand = new VhostStand();
        path = folder.resolve("s");
        device = stand.open("test", new HeldDevice(1 << 20), path);
    }

    @AfterEach
    void end() {
        stand.close();
    }

    @Test
    void shouldServeTheNextFrontEndWhateverTheOnesBeforeSent() throws Exception {
        polite();
        onceGone();
        int before = descriptorsOpen();
        for (int i = 0; i < CONNECTIONS; i++) {
            try (UnixSocket socket = connect()) {
                rave(socket);
            } catch (IllegalStateException e) {
                assertThat(e).hasMessageContaining("sent"); // it has hung up on us
            }
        }
        polite();
        onceGone();
        long deadlineNs = System.nanoTime() + TimeUnit.SECONDS.toNanos(60);
        while (descriptorsOpen() > before) { // some are closed elsewhere
            FrontEndModel.pause(deadlineNs);
        }
        assertThat(descriptorsOpen()).as("seed " + SEED).isLessThanOrEqualTo(before);
    }

    /** Waits while too many wait already. */
    private UnixSocket connect() throws Exception {
        long deadlineNs = System.nanoTime() + TimeUnit.SECONDS.toNanos(60);
        while (true) {
            try {
                return UnixSocket.connect(path);
            } catch (IOException e) {
                assertThat(e).as("seed " + SEED).hasMessageContaining("EAGAIN");
                FrontEndModel.pause(deadlineNs);
            }
        }
    }

    private static int descriptorsOpen() {
        return new File("/proc/self/fd").list().length;
    }

    /** Waits until the device has taken note that its front end is gone, and has closed what came from it. */
    private void onceGone() throws Exception {
        long deadlineNs = System.nanoTime() + TimeUnit.SECONDS.toNanos(60);
        while (stand.onControl(device::isConnected)) {
            FrontEndModel.pause(deadlineNs);
        }
        for (EpollLoop loop : stand.data().all()) {
            loop.eventLoop().submit(() -> {}).get();
        }
        stand.onControl(() -> null);
    }

    /** Waits for its turn, and is served. */
    private void polite() throws Exception {
        try (FrontEndModel front = new FrontEndModel(path)) {
            front.negotiate();
            front.rings(front.memory(0x1000, 1 << 20), 2, 0);
            front.setMemory();
            for (int ring = 0; ring < 2; ring++) {
                front.describe(ring, 0);
                front.enable(ring);
                assertThat(front.base(ring)).as("seed " + SEED).isZero();
            }
        }
    }

    private void rave(UnixSocket socket) {
        int memory = Linux.memoryFile("hostile");
        Linux.truncate(memory, 1 << 16);
        int event = Linux.eventfd();
        int[] kinds = {memory, event, memory, event, 0, memory};
        try {
            for (int i = 0; i < MESSAGES; i++) {
                ByteBuf message = random.nextInt(20) == 0 ? noise() : mutated();
                int[] fds = new int[random.nextInt(3) == 0 ? 0 : random.nextInt(10)];
                Arrays.setAll(fds, k -> kinds[random.nextInt(kinds.length)]);
                socket.send(message, fds);
            }
        } finally {
            Linux.close(memory);
            Linux.close(event);
        }
    }

    private ByteBuf noise() {
        byte[] bytes = new byte[1 + random.nextInt(600)];
        random.nextBytes(bytes);
        return direct(bytes.length).writeBytes(bytes);
    }

    private static ByteBuf direct(int capacity) {
        return Unpooled.wrappedBuffer(ByteBuffer.allocateDirect(capacity)).clear();
    }

    /** A message that is right in most respects: the deeper it gets, the better. */
    private ByteBuf mutated() {
        VhostRequest[] all = VhostRequest.values();
        VhostRequest request = all[random.nextInt(all.length)];
        int size = request.payloadBytesMin();
        if (request == VhostRequest.SET_MEM_TABLE) {
            size += 32 * random.nextInt(9);
        } else if (request == VhostRequest.GET_CONFIG) {
            size += random.nextInt(257);
        }
        ByteBuf message = direct(12 + size + 8);
        message.writeIntLE(request.number())
                .writeIntLE(1 | (random.nextBoolean() ? 8 : 0) | (random.nextInt(50) == 0 ? random.nextInt() : 0))
                .writeIntLE(random.nextInt(50) == 0 ? random.nextInt() : size);
        for (int i = 0; i < size; i += 4) {
            message.writeIntLE(interesting(size));
        }
        return message.writerIndex(12 + size);
    }

    private int interesting(int size) {
        return switch (random.nextInt(8)) {
            case 0 -> random.nextInt();
            case 1 -> 0x1000 * random.nextInt(32);
            case 2 -> 64;
            case 3 -> (size - 8) / 32;
            case 4 -> -1;
            default -> random.nextInt(3);
        };
    }

    @Test
    void shouldReadNothingBeyondAMessageWhateverItsBytes() throws IOException {
        VhostMessage message = new VhostMessage();
        for (int i = 0; i < 30_000; i++) {
            message.clear();
            ByteBuf bytes = random.nextInt(10) == 0 ? noise() : mutated();
            while (bytes.isReadable() && message.fault() == null && message.missingBytes() > 0) {
                int length = Math.min(bytes.readableBytes(), Math.min(message.missingBytes(), 1 + random.nextInt(40)));
                message.bytes().writeBytes(bytes, length);
            }
            if (message.fault() == null && message.missingBytes() == 0) {
                assertThat(message.payloadBytes()).isBetween(message.request().payloadBytesMin(), 512);
                if (message.request() == VhostRequest.GET_CONFIG) {
                    message.toConfig(new byte[72]);
                } else if (message.request() == VhostRequest.SET_MEM_TABLE) {
                    assertThat(VhostMessage.regionAt(message.regionCount()))
                            .as("seed " + SEED)
                            .isLessThanOrEqualTo(message.payloadBytes());
                }
            }
        }
        message.release();
    }
}
