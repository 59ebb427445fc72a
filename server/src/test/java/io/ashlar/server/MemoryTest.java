package io.ashlar.server;

import static org.assertj.core.api.Assertions.assertThat;

import io.ashlar.base.status.Status;
import io.ashlar.protocol.frame.Opcode;
import io.ashlar.protocol.message.OpenMode;
import io.ashlar.server.config.MemoryBudget;
import io.ashlar.server.config.ServerLimits;
import io.netty.buffer.PooledByteBufAllocator;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Many connections that want more memory together than the node has. */
class MemoryTest {
    private static final int CONNECTIONS = 16;
    private static final int REQUESTS = 10;
    private static final int LENGTH = 1 << 20;
    private static final ServerLimits LIMITS =
            new ServerLimits(CONNECTIONS + 1, 64, 8 << 20, 4 << 20, 4, 10_000, 60_000);
    private static final MemoryBudget BUDGET =
            MemoryBudget.divide(64L << 20, LIMITS, Runtime.getRuntime().availableProcessors());

    @TempDir
    Path folder;

    private NodeFixture node;
    private final List<RawClient> clients = new ArrayList<>();
    private final List<Integer> handles = new ArrayList<>();

    @BeforeEach
    void start() throws IOException {
        node = new NodeFixture(folder, LIMITS, BUDGET);
        try (RawClient client = RawClient.ready(node.address())) {
            assertThat(client.create("v", 8 << 20, 4096).status()).isEqualTo(Status.OK);
        }
        for (int i = 0; i < CONNECTIONS; i++) {
            RawClient client = RawClient.withSmallWindow(node.address());
            client.hello();
            clients.add(client);
            handles.add(client.openOk("v", "host", OpenMode.OPEN_MODE_READ_WRITE, i == 0 ? 0 : 1, i)
                    .getHandle());
        }
    }

    @AfterEach
    void stop() throws IOException {
        for (RawClient client : clients) {
            client.close();
        }
        node.close();
    }

    /** Runs something while watching what the node takes; returns the most that it took at a time. */
    private static long peakOf(Thread[] threads) throws InterruptedException {
        AtomicBoolean over = new AtomicBoolean();
        AtomicLong peak = new AtomicLong();
        long before = PooledByteBufAllocator.DEFAULT.pinnedDirectMemory();
        Thread watcher = new Thread(() -> {
            while (!over.get()) {
                peak.accumulateAndGet(PooledByteBufAllocator.DEFAULT.pinnedDirectMemory() - before, Math::max);
                Thread.onSpinWait();
            }
        });
        watcher.start();
        for (Thread thread : threads) {
            thread.start();
        }
        for (Thread thread : threads) {
            thread.join();
        }
        over.set(true);
        watcher.join();
        return peak.get();
    }

    private Thread[] forEachClient(ClientTask task, List<Throwable> failures) {
        Thread[] threads = new Thread[CONNECTIONS];
        for (int i = 0; i < CONNECTIONS; i++) {
            int index = i;
            threads[i] = new Thread(() -> {
                try {
                    task.run(clients.get(index), handles.get(index));
                } catch (IOException | RuntimeException | AssertionError e) {
                    synchronized (failures) {
                        failures.add(e);
                    }
                }
            });
        }
        return threads;
    }

    private interface ClientTask {
        void run(RawClient client, int handle) throws IOException;
    }

    @Test
    void shouldStayUnderTheBoundAndAnswerEverythingWhenManyReadMuchAndSlowly() throws Exception {
        List<Throwable> failures = new ArrayList<>();
        long peak = peakOf(forEachClient(
                (client, handle) -> {
                    for (int i = 0; i < REQUESTS; i++) {
                        client.send(client.request(Opcode.READ, handle, (i % 8) * (long) LENGTH, LENGTH, 0));
                    }
                    for (int i = 0; i < REQUESTS; i++) {
                        assertThat(client.receiveAnswer().data()).hasSize(LENGTH);
                    }
                },
                failures));
        assertThat(failures).isEmpty();
        assertThat(peak).isLessThanOrEqualTo(BUDGET.connectionBytesMax());
        assertThat(HttpTest.metric(node, "ashlar_node_memory_waits_total")).isPositive();
    }

    @Test
    void shouldStayUnderTheBoundAndAnswerEverythingWhenManyWriteMuchToASlowDisk() throws Exception {
        byte[] data = new byte[LENGTH];
        new Random(3).nextBytes(data);
        List<Throwable> failures = new ArrayList<>();
        node.volume().hold();
        Thread[] threads = forEachClient(
                (client, handle) -> {
                    Thread sender = new Thread(() -> {
                        try {
                            for (int i = 0; i < REQUESTS; i++) {
                                client.send(RawClient.writeFrame(
                                        client.nextId(), handle, (i % 8) * (long) LENGTH, data, 0));
                            }
                        } catch (IOException e) {
                            throw new AssertionError(e);
                        }
                    });
                    sender.start();
                    for (int i = 0; i < REQUESTS; i++) {
                        assertThat(client.receiveAnswer().status()).isEqualTo(Status.OK);
                    }
                },
                failures);
        Thread disk = new Thread(() -> {
            // Nothing ends before memory has become short; then everything, again and again.
            long waits = 0;
            while (waits == 0) {
                waits = (long) metric("ashlar_node_memory_waits_total");
            }
            node.volume().letGo();
        });
        disk.start();
        long peak = peakOf(threads);
        disk.join();
        assertThat(failures).isEmpty();
        assertThat(peak).isLessThanOrEqualTo(BUDGET.connectionBytesMax());
        for (RawClient client : clients) {
            client.close();
        }
        while (metric("ashlar_node_connections") > 0) {
            Thread.onSpinWait();
        }
        assertThat(metric("ashlar_node_connection_memory_bytes")).isZero();
    }

    private double metric(String name) {
        try {
            return HttpTest.metric(node, name);
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    @Test
    void shouldServeSmallRequestsWhileOthersHaveTakenAllTheMemory() throws Exception {
        for (int i = 1; i < CONNECTIONS; i++) {
            for (int k = 0; k < REQUESTS; k++) {
                clients.get(i)
                        .send(clients.get(i).request(Opcode.READ, handles.get(i), (k % 8) * (long) LENGTH, LENGTH, 0));
            }
        }
        while (metric("ashlar_node_memory_waits_total") == 0) {
            Thread.onSpinWait();
        }
        for (int i = 0; i < 100; i++) {
            assertThat(clients.get(0).read(handles.get(0), 4096L * i, 4096)).hasSize(4096);
        }
    }
}
