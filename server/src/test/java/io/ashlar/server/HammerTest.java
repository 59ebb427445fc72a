package io.ashlar.server;

import static org.assertj.core.api.Assertions.assertThat;

import io.ashlar.base.seed.TestSeed;
import io.ashlar.base.status.Status;
import io.ashlar.protocol.frame.Opcode;
import io.ashlar.protocol.message.OpenMode;
import io.ashlar.server.config.ServerLimits;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.atomic.AtomicLongArray;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Four connections, several requests in flight on each, overlapping reads and writes over the wire. Every 512-byte sector
 * of a write carries the write's number; each sector read must be zero or that of a write that covered the sector and had
 * been sent by then, and not one that was over before another, itself answered before the read was sent, began.
 */
class HammerTest {
    private static final int CONNECTIONS = 4;
    private static final int DEPTH = 8;
    private static final int SECTORS = 64 * 8;
    private static final int REQUESTS = 3000;

    @TempDir
    Path folder;

    private final AtomicLongArray sentNs = new AtomicLongArray(CONNECTIONS * REQUESTS + 1);
    private final AtomicLongArray answeredNs = new AtomicLongArray(CONNECTIONS * REQUESTS + 1);
    private final int[] firstSector = new int[CONNECTIONS * REQUESTS + 1];
    private final int[] sectorCount = new int[CONNECTIONS * REQUESTS + 1];

    private record Sighting(int write, int sector, long sentNs, long receivedNs) {}

    @Test
    void shouldMixNoTwoWritesWhenFourConnectionsHammerTheSameBlocks() throws Exception {
        long seed = TestSeed.get();
        try (StorageNode node = StorageNode.start(NodeFixture.config(folder, ServerLimits.DEFAULT))) {
            long epoch;
            try (RawClient client = RawClient.ready(node.addresses().block())) {
                assertThat(client.create("v", SECTORS * 512, 512).status()).isEqualTo(Status.OK);
                epoch = client.openOk("v", "host", OpenMode.OPEN_MODE_READ_WRITE, 0, 9)
                        .getEpoch();
            }
            List<Thread> threads = new ArrayList<>();
            List<Sighting> seen = Collections.synchronizedList(new ArrayList<>());
            List<Throwable> failures = Collections.synchronizedList(new ArrayList<>());
            for (int c = 0; c < CONNECTIONS; c++) {
                int connection = c;
                Thread thread = new Thread(() -> {
                    try {
                        hammer(node.addresses().block(), connection, epoch, new Random(seed + connection), seen);
                    } catch (IOException | AssertionError e) {
                        failures.add(e);
                    }
                });
                thread.start();
                threads.add(thread);
            }
            for (Thread thread : threads) {
                thread.join();
            }
            assertThat(failures).as("seed %d", seed).isEmpty();
            assertThat(seen).isNotEmpty();
            check(seen, seed);
        }
    }

    private void hammer(InetSocketAddress address, int connection, long epoch, Random random, List<Sighting> seen)
            throws IOException {
        try (RawClient client = RawClient.ready(address)) {
            int handle = client.openOk("v", "host", OpenMode.OPEN_MODE_READ_WRITE, epoch, connection)
                    .getHandle();
            Map<Long, Integer> writes = new HashMap<>();
            Map<Long, Long> reads = new HashMap<>();
            for (int i = 0; i < REQUESTS; i++) {
                int count = 1 + random.nextInt(random.nextInt(8) == 0 ? 128 : 12);
                int first = random.nextInt(SECTORS - count + 1);
                if (random.nextBoolean()) {
                    int write = 1 + connection * REQUESTS + i;
                    firstSector[write] = first;
                    sectorCount[write] = count;
                    sentNs.set(write, System.nanoTime());
                    writes.put(client.nextId(), write);
                    client.send(RawClient.writeFrame(client.nextId(), handle, first * 512L, content(write, count), 0));
                } else {
                    reads.put(client.nextId(), System.nanoTime());
                    client.send(client.request(Opcode.READ, handle, first * 512L, count * 512L, 0));
                }
                if (writes.size() + reads.size() == DEPTH) {
                    receive(client, writes, reads, seen);
                }
            }
            while (writes.size() + reads.size() > 0) {
                receive(client, writes, reads, seen);
            }
        }
    }

    private void receive(RawClient client, Map<Long, Integer> writes, Map<Long, Long> reads, List<Sighting> seen)
            throws IOException {
        RawClient.Frame answer = client.receiveAnswer();
        assertThat(answer.status()).isEqualTo(Status.OK);
        Integer write = writes.remove(answer.requestId());
        if (write != null) {
            answeredNs.set(write, System.nanoTime());
            return;
        }
        long sent = reads.remove(answer.requestId());
        long received = System.nanoTime();
        ByteBuffer data = ByteBuffer.wrap(answer.data()); // verifies the checksums
        for (int at = 0; at < data.capacity(); at += 512) {
            int value = data.getInt(at);
            for (int k = 4; k < 512; k += 4) {
                assertThat(data.getInt(at + k)).as("a torn sector").isEqualTo(value);
            }
            seen.add(new Sighting(value, (int) (answer.offset() + at) / 512, sent, received));
        }
    }

    private static byte[] content(int write, int sectors) {
        ByteBuffer data = ByteBuffer.allocate(sectors * 512);
        while (data.hasRemaining()) {
            data.putInt(write);
        }
        return data.array();
    }

    private void check(List<Sighting> seen, long seed) {
        for (Sighting sighting : seen) {
            int write = sighting.write();
            if (write != 0) {
                assertThat(covers(write, sighting.sector()))
                        .as("seed %d: %s", seed, sighting)
                        .isTrue();
                assertThat(sentNs.get(write)).as("seed %d: %s", seed, sighting).isLessThan(sighting.receivedNs());
            }
            for (int other = 1; other < sentNs.length(); other++) {
                boolean later = write == 0 || answeredNs.get(write) < sentNs.get(other);
                boolean overBefore = sentNs.get(other) != 0 && answeredNs.get(other) < sighting.sentNs();
                if (later && overBefore && covers(other, sighting.sector())) {
                    throw new AssertionError("seed " + seed + ": " + sighting + " was overwritten by " + other);
                }
            }
        }
    }

    private boolean covers(int write, int sector) {
        return sector >= firstSector[write] && sector < firstSector[write] + sectorCount[write];
    }
}
