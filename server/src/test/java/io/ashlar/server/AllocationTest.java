package io.ashlar.server;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import io.ashlar.base.status.Status;
import io.ashlar.protocol.frame.FrameHeader;
import io.ashlar.protocol.frame.Limits;
import io.ashlar.protocol.frame.Opcode;
import io.ashlar.protocol.message.OpenMode;
import io.ashlar.server.config.ServerLimits;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.util.ResourceLeakDetector;
import java.io.DataInputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadInfo;
import java.net.Socket;
import java.nio.file.Path;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What the node's threads allocate per request in the steady state, over real sockets and the real store. */
class AllocationTest {
    private static final int DEPTH = 64;
    private static final int BLOCKS = 1024;
    private static final int BATCHES_WARM = 3000;
    private static final int BATCHES_COUNTED = 300_000 / DEPTH;

    @TempDir
    Path folder;

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

    @Test
    void shouldAllocateAtMostAByteARequestWhenReadsAndWritesArePipelined() throws IOException {
        try (StorageNode node = StorageNode.start(NodeFixture.config(folder, ServerLimits.DEFAULT));
                RawClient client = RawClient.ready(node.addresses().block())) {
            assertThat(client.create("v", 64 << 20, 4096).status()).isEqualTo(Status.OK);
            int handle = client.openOk("v", "host-a", OpenMode.OPEN_MODE_READ_WRITE, 0, 0)
                    .getHandle();
            for (int i = 0; i < (BLOCKS * 4096) >> 20; i++) {
                assertThat(client.write(handle, (long) i << 20, new byte[1 << 20]))
                        .isEqualTo(Status.OK);
            }
            double perWrite = bytesPerRequest(client, batch(Opcode.WRITE, client, handle), Limits.HEADER_BYTES);
            double perRead =
                    bytesPerRequest(client, batch(Opcode.READ, client, handle), Limits.HEADER_BYTES + 4 + 4096);
            System.out.printf("allocated per write %.3f, per read %.3f bytes%n", perWrite, perRead);
            assertThat(perWrite).isLessThanOrEqualTo(1);
            assertThat(perRead).isLessThanOrEqualTo(1);
        }
    }

    private static byte[] batch(Opcode opcode, RawClient client, int handle) {
        Random random = new Random(7);
        ByteBuf all = Unpooled.buffer();
        byte[] data = new byte[4096];
        for (int i = 0; i < DEPTH; i++) {
            // Different blocks, so that no request waits for another.
            long offset = 4096L * (i * (BLOCKS / DEPTH) + random.nextInt(BLOCKS / DEPTH));
            random.nextBytes(data);
            ByteBuf frame = opcode == Opcode.WRITE
                    ? RawClient.writeFrame(1000 + i, handle, offset, data, 0)
                    : client.request(opcode, handle, offset, 4096, 0);
            all.writeBytes(frame);
            frame.release();
        }
        byte[] bytes = new byte[all.readableBytes()];
        all.readBytes(bytes);
        all.release();
        return bytes;
    }

    private static double bytesPerRequest(RawClient client, byte[] batch, int answerBytes) throws IOException {
        byte[] answers = new byte[DEPTH * answerBytes];
        run(client, batch, answers, answerBytes, BATCHES_WARM);
        long before = allocatedByLoops();
        long start = System.nanoTime();
        run(client, batch, answers, answerBytes, BATCHES_COUNTED);
        System.out.printf("%.0f/s%n", BATCHES_COUNTED * DEPTH * 1e9 / (System.nanoTime() - start));
        return (double) (allocatedByLoops() - before) / (BATCHES_COUNTED * DEPTH);
    }

    private static void run(RawClient client, byte[] batch, byte[] answers, int answerBytes, int batches)
            throws IOException {
        Socket socket = client.socket();
        OutputStream out = socket.getOutputStream();
        DataInputStream in = new DataInputStream(socket.getInputStream());
        ByteBuf view = Unpooled.wrappedBuffer(answers);
        FrameHeader header = new FrameHeader();
        for (int i = 0; i < batches; i++) {
            out.write(batch);
            in.readFully(answers);
            for (int k = 0; k < DEPTH; k++) {
                assertThat(header.wrap(view, k * answerBytes).statusCode()).isZero();
            }
        }
    }

    private static long allocatedByLoops() {
        ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        long sum = 0;
        for (ThreadInfo thread : threads.getThreadInfo(threads.getAllThreadIds())) {
            if (thread != null
                    && (thread.getThreadName().startsWith("data-")
                            || thread.getThreadName().equals("io"))) {
                sum += threads.getThreadAllocatedBytes(thread.getThreadId());
            }
        }
        return sum;
    }
}
