package io.ashlar.client.volume;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import io.ashlar.base.block.BlockQueue;
import io.ashlar.base.block.BlockRequest;
import io.ashlar.base.block.Operation;
import io.ashlar.base.block.RequestList;
import io.ashlar.base.block.ScatterList;
import io.ashlar.base.net.EpollLoop;
import io.ashlar.base.net.EpollLoops;
import io.ashlar.base.status.Status;
import io.ashlar.client.fake.Attached;
import io.ashlar.client.fake.FakeNode;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.util.ResourceLeakDetector;
import java.lang.management.ManagementFactory;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * What the client's loop allocates per request in the steady state, over real sockets; {@code
 * -Dallocation.ios=1000000} counts over a million.
 */
class RemoteVolumeAllocationTest {
    private static final int DEPTH = 64;
    private static final int LENGTH = 4096;
    private static final int SIZE = 4 << 20;
    private static final int WARM = 150_000;
    private static final int COUNTED = Integer.getInteger("allocation.ios", 300_000);

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
    void shouldAllocateAtMostAByteARequestWhenReadsWritesAndFlushesAreMixed() throws Exception {
        EpollLoops loops = EpollLoops.floating("allocation", 1);
        try (FakeNode node = new FakeNode(SIZE, 512)) {
            node.recording = false;
            EpollLoop loop = loops.all().get(0);
            RemoteVolume volume = RemoteVolume.open(Attached.options(node), loop);
            Driver driver = CompletableFuture.supplyAsync(() -> new Driver(volume, loop), loop::execute)
                    .get(10, TimeUnit.SECONDS);
            long allocated = driver.allocated.get(120, TimeUnit.SECONDS);
            System.out.printf("allocated per request %.3f bytes; %d%n", (double) allocated / COUNTED, COUNTED);
            assertThat((double) allocated / COUNTED)
                    .as("bytes allocated per request")
                    .isLessThanOrEqualTo(1);
            volume.close();
        }
        loops.close();
    }

    /** Keeps the depth in flight; takes the thread's counter after the warm-up and at the end. */
    private static final class Driver {
        private final ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        private final CompletableFuture<Long> allocated = new CompletableFuture<>();
        private final RequestList idle = new RequestList();
        private final ByteBuf memory = Unpooled.directBuffer(DEPTH * LENGTH);
        private final BlockQueue queue;
        private int submitted;
        private int inFlight;
        private long before;

        Driver(RemoteVolume volume, EpollLoop loop) {
            queue = volume.openQueue(loop, this::submitIdle);
            memory.writerIndex(memory.capacity());
            for (int i = 0; i < DEPTH; i++) {
                idle.add(new Request(i * LENGTH));
            }
            submitIdle();
        }

        private void submitIdle() {
            while (!idle.isEmpty() && submitted < WARM + COUNTED) {
                if (submitted == WARM) {
                    before = threads.getThreadAllocatedBytes(
                            Thread.currentThread().getId());
                }
                Request request = (Request) idle.poll();
                request.prepare(submitted);
                submitted++;
                inFlight++;
                queue.submit(request);
            }
            queue.endBatch();
            if (inFlight == 0 && !allocated.isDone()) {
                long now =
                        threads.getThreadAllocatedBytes(Thread.currentThread().getId());
                queue.close();
                memory.release();
                allocated.complete(now - before);
            }
        }

        private final class Request extends BlockRequest {
            private final ScatterList list = new ScatterList(2);

            Request(int start) {
                list.add(memory, start, 1000);
                list.add(memory, start + 1000, LENGTH - 1000);
            }

            void prepare(int number) {
                long offset = number * 7919L % (SIZE / LENGTH) * LENGTH;
                switch (number % 8) {
                    case 0 -> set(Operation.FLUSH, 0, 0, 0);
                    case 1, 2, 3 -> setData(Operation.WRITE, offset, list, 0);
                    default -> setData(Operation.READ, offset, list, 0);
                }
            }

            @Override
            protected void onComplete(Status status) {
                if (!status.isOk()) {
                    allocated.completeExceptionally(new AssertionError(status));
                }
                inFlight--;
                idle.add(this);
            }
        }
    }
}
