package io.ashlar.nbd.session;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import io.ashlar.base.block.BlockGeometry;
import io.ashlar.base.block.NullBlockDevice;
import io.ashlar.base.net.EpollLoop;
import io.ashlar.base.net.EpollLoops;
import io.ashlar.nbd.handshake.NbdExport;
import io.ashlar.nbd.wire.Command;
import io.ashlar.nbd.wire.RequestHeader;
import io.ashlar.nbd.wire.Wire;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.util.ResourceLeakDetector;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * What the server's loop allocates per request in the steady state, over real sockets; {@code
 * -Dallocation.ios=1000000} counts over a million.
 */
class NbdAllocationTest {
    private static final int DEPTH = 64;
    private static final int LENGTH = 4096;
    private static final int SIZE = 4 << 20;
    private static final int WARM = 150_000;
    private static final int COUNTED = Integer.getInteger("allocation.ios", 300_000);
    private static final int ROUND = 8;

    private final ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    private ResourceLeakDetector.Level levelBefore;

    @BeforeEach
    void countNoLeaks() {
        levelBefore = ResourceLeakDetector.getLevel();
        ResourceLeakDetector.setLevel(ResourceLeakDetector.Level.DISABLED); // it allocates for each buffer
    }

    @AfterEach
    void countLeaks() {
        ResourceLeakDetector.setLevel(levelBefore);
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void shouldAllocateAtMostAByteARequestWhenReadsWritesAndFlushesAreMixed(boolean structured) throws Exception {
        EpollLoops loops = EpollLoops.floating("allocation", 1);
        EpollLoop loop = loops.all().get(0);
        NullBlockDevice device = new NullBlockDevice(new BlockGeometry(SIZE, 512, false));
        NbdExport export = new NbdExport(Served.NAME, "", device, false);
        InetSocketAddress any = new InetSocketAddress(InetAddress.getLoopbackAddress(), 0);
        try (NbdServer server = NbdServer.listen(export, NbdLimits.DEFAULT, any, List.of(loop));
                RawNbd client = RawNbd.modern(server.port(), structured)) {
            Driver driver = new Driver(client, structured);
            driver.run(WARM);
            long before = allocatedBy(loop);
            driver.run(COUNTED);
            double perRequest = (double) (allocatedBy(loop) - before) / COUNTED;
            System.out.printf("allocated per request %.3f bytes; %d%n", perRequest, COUNTED);
            assertThat(perRequest).as("bytes allocated per request").isLessThanOrEqualTo(1);
        }
        device.close();
        loops.close();
    }

    private long allocatedBy(EpollLoop loop) throws Exception {
        return loop.eventLoop()
                .submit(() ->
                        threads.getThreadAllocatedBytes(Thread.currentThread().getId()))
                .get();
    }

    /** Keeps about the depth in flight, by sending the next round when the answers of one have come. */
    private static final class Driver {
        private final RawNbd client;
        private final byte[] round;
        private final byte[] answers;

        Driver(RawNbd client, boolean structured) {
            this.client = client;
            ByteBuf bytes = Unpooled.buffer(ROUND * (Wire.REQUEST_HEADER_BYTES + LENGTH));
            RequestHeader header = new RequestHeader();
            int answerBytes = 0;
            for (int i = 0; i < ROUND; i++) {
                Command command = i == 0 ? Command.FLUSH : i < 4 ? Command.WRITE : Command.READ;
                int length = command == Command.FLUSH ? 0 : LENGTH;
                bytes.ensureWritable(Wire.REQUEST_HEADER_BYTES);
                header.wrap(bytes, bytes.writerIndex()).set(0, command, i, (long) i * length, length);
                bytes.writerIndex(bytes.writerIndex() + Wire.REQUEST_HEADER_BYTES);
                bytes.writeZero(command == Command.WRITE ? LENGTH : 0);
                answerBytes += command == Command.READ
                        ? LENGTH + (structured ? Wire.DATA_CHUNK_HEADER_BYTES : Wire.SIMPLE_REPLY_BYTES)
                        : Wire.SIMPLE_REPLY_BYTES;
            }
            round = new byte[bytes.readableBytes()];
            bytes.readBytes(round);
            answers = new byte[answerBytes];
        }

        void run(int requests) throws IOException {
            int ahead = DEPTH / ROUND;
            int rounds = requests / ROUND;
            for (int sent = 0, answered = 0; answered < rounds; ) {
                if (sent < rounds && sent - answered < ahead) {
                    client.out.write(round);
                    sent++;
                } else {
                    client.in.readFully(answers);
                    assertThat(ByteBuffer.wrap(answers).getInt()).isIn(Wire.SIMPLE_REPLY_MAGIC, Wire.CHUNK_MAGIC);
                    answered++;
                }
            }
        }
    }
}
