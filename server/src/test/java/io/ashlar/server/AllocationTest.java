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

/**
 * What the node's threads, loops and I/O pool, allocate per request in the steady state, over real sockets and the real
 * store. {@code -Dallocation.ios=1000000} counts over a million of each kind.
 */
class AllocationTest {
    private static final int DEPTH = 64;
    private static final int BLOCKS = 1024;
    private static final int BATCHES_WARM = 1500;
    private static final int BATCHES_COUNTED = Integer.getInteger("allocation.ios", 128_000) / DEPTH;
    /** Of a mixed batch, the others being half writes, half reads: more than any file system sends. */
    private static final int FLUSHES = DEPTH / 8;

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
    void shouldAllocateAtMostAByteARequestWhenReadsWritesAndFlushesArePipelined() throws IOException {
        try (StorageNode node = StorageNode.start(NodeFixture.config(folder, ServerLimits.DEFAULT));
                RawClient client = RawClient.ready(node.addresses().block())) {
            assertThat(client.create("v", 64 << 20, 4096).status()).isEqualTo(Status.OK);
            int handle = client.openOk("v", "host-a", OpenMode.OPEN_MODE_READ_WRITE, 0, 0)
                    .getHandle();
            for (int i = 0; i < (BLOCKS * 4096) >> 20; i++) {
                assertThat(client.write(handle, (long) i << 20, new byte[1 << 20]))
                        .isEqualTo(Status.OK);
            }
            double perWrite = bytesPerRequest(client, batch(DEPTH, 0, client, handle), 0);
            double perRead = bytesPerRequest(client, batch(0, 0, client, handle), DEPTH);
            int reads = (DEPTH - FLUSHES) / 2;
            int writes = DEPTH - FLUSHES - reads;
            double perMixed = bytesPerRequest(client, batch(writes, FLUSHES, client, handle), reads);
            System.out.printf(
                    "allocated per write %.3f, per read %.3f, per request of a mix with flushes %.3f bytes; %d of each%n",
                    perWrite, perRead, perMixed, BATCHES_COUNTED * DEPTH);
            assertThat(perWrite).isLessThanOrEqualTo(1);
            assertThat(perRead).isLessThanOrEqualTo(1);
            assertThat(perMixed).isLessThanOrEqualTo(1);
        }
    }

    /** Returns so many writes, then reads, then so many flushes. */
    private static byte[] batch(int writes, int flushes, RawClient client, int handle) {
        Random random = new Random(7);
        ByteBuf all = Unpooled.buffer();
        byte[] data = new byte[4096];
        for (int i = 0; i < DEPTH; i++) {
            // Different blocks, so that no request waits for another.
            long offset = 4096L * (i * (BLOCKS / DEPTH) + random.nextInt(BLOCKS / DEPTH));
            random.nextBytes(data);
            ByteBuf frame;
            if (i < writes) {
                frame = RawClient.writeFrame(1000 + i, handle, offset, data, 0);
            } else if (i < DEPTH - flushes) {
                frame = client.request(Opcode.READ, handle, offset, 4096, 0);
            } else {
                frame = client.request(Opcode.FLUSH, handle, 0, 0, 0);
            }
            all.writeBytes(frame);
            frame.release();
        }
        byte[] bytes = new byte[all.readableBytes()];
        all.readBytes(bytes);
        all.release();
        return bytes;
    }

    private static double bytesPerRequest(RawClient client, byte[] batch, int reads) throws IOException {
        byte[] answers = new byte[DEPTH * Limits.HEADER_BYTES + reads * (4 + 4096)];
        run(client, batch, answers, BATCHES_WARM);
        long before = allocatedByLoops();
        long start = System.nanoTime();
        run(client, batch, answers, BATCHES_COUNTED);
        System.out.printf("%.0f/s%n", BATCHES_COUNTED * DEPTH * 1e9 / (System.nanoTime() - start));
        return (double) (allocatedByLoops() - before) / (BATCHES_COUNTED * DEPTH);
    }

    private static void run(RawClient client, byte[] batch, byte[] answers, int batches) throws IOException {
        Socket socket = client.socket();
        OutputStream out = socket.getOutputStream();
        DataInputStream in = new DataInputStream(socket.getInputStream());
        ByteBuf view = Unpooled.wrappedBuffer(answers);
        FrameHeader header = new FrameHeader();
        for (int i = 0; i < batches; i++) {
            out.write(batch);
            in.readFully(answers);
            int at = 0;
            while (at < answers.length) {
                if (header.wrap(view, at).statusCode() != 0) {
                    throw new AssertionError(Status.ofCode(header.statusCode()));
                }
                at += Limits.HEADER_BYTES + (int) header.payloadBytes();
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
