package io.ashlar.store.volume;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import io.ashlar.base.block.BlockGeometry;
import io.ashlar.base.block.BlockRequest;
import io.ashlar.base.block.ChecksumList;
import io.ashlar.base.block.Operation;
import io.ashlar.base.block.ScatterList;
import io.ashlar.base.checksum.Crc32c;
import io.ashlar.base.loop.PolledLoop;
import io.ashlar.base.status.Status;
import io.ashlar.store.StoreFixture;
import io.ashlar.store.config.StoreConfig;
import io.ashlar.store.file.CountingStorageIo;
import io.ashlar.store.file.LinuxStorageIo;
import io.ashlar.store.file.Scratch;
import io.netty.buffer.ByteBuf;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a request costs when everything it needs is at hand: nothing is allocated, nothing leaves the loop. */
class SteadyStateTest {
    private static final int BLOCKS = 2048;
    private static final int REQUESTS = 200_000;
    private static final int FLUSH_ROUNDS = 2_000;

    private final PolledLoop loop = new PolledLoop();
    private final Random random = new Random(4);
    private final Request request = new Request();

    @TempDir
    Path path;

    private CountingStorageIo io;
    private StoreFixture store;
    private StoredQueue queue;

    /** A 4 KiB request that is used again and again. */
    private static final class Request extends BlockRequest {
        private final ByteBuf memory = Scratch.allocate(4096);
        private final ScatterList list = new ScatterList(1);
        private final ChecksumList sums = new ChecksumList(1);
        private final Crc32c crc = new Crc32c();
        private Status status;

        void prepare(Operation operation, long block) {
            list.clear();
            list.add(memory, 0, 4096);
            setData(operation, block * 4096, list, 0);
            sums.resize(1);
            if (operation == Operation.WRITE) {
                memory.setLongLE(0, block);
                sums.set(0, crc.compute(memory, 0, 4096));
            }
            setChecksums(sums);
            status = null;
        }

        @Override
        protected void onComplete(Status outcome) {
            status = outcome;
        }
    }

    @BeforeEach
    void openVolume() throws Exception {
        io = new CountingStorageIo(new LinuxStorageIo());
        // No bound on unflushed bytes: how fast the disk takes them is not the matter here.
        store = StoreFixture.onThreads(path, io, new StoreConfig(4096, 1L << 40, 1024));
        StoredVolume volume = store.createVolume(new BlockGeometry(1L << 30, 4096, false));
        queue = volume.openQueue(loop, () -> {});
        for (int block = 0; block < BLOCKS; block++) {
            run(Operation.WRITE, block);
        }
    }

    @AfterEach
    void closeVolume() {
        queue.close();
        store.close();
    }

    private void run(Operation operation, long block) {
        request.prepare(operation, block);
        submit();
    }

    private void submit() {
        request.status = null;
        queue.submit(request);
        while (request.status == null) {
            loop.poll();
            Thread.onSpinWait();
        }
        if (request.status != Status.OK) {
            throw new AssertionError(request.operation() + " at " + request.offsetBytes() + ": " + request.status);
        }
    }

    private double nsPerRequest;

    /** Returns the bytes allocated by this thread for {@link #REQUESTS} requests, after a warm-up. */
    private long allocatedBy(Operation operation) {
        ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        for (int i = 0; i < 20_000; i++) {
            run(operation, random.nextInt(BLOCKS));
        }
        io.reset();
        long handOffs = store.folder().counters().handOffs().sum();
        long before = threads.getCurrentThreadAllocatedBytes();
        long start = threads.getCurrentThreadCpuTime();
        for (int i = 0; i < REQUESTS; i++) {
            run(operation, random.nextInt(BLOCKS));
        }
        nsPerRequest = (threads.getCurrentThreadCpuTime() - start) / (double) REQUESTS;
        long allocated = threads.getCurrentThreadAllocatedBytes() - before;
        assertThat(store.folder().counters().handOffs().sum() - handOffs)
                .as("hand-offs to the pool")
                .isZero();
        return allocated;
    }

    @Test
    void shouldReadWithOneSystemCallAndWithoutAllocationWhenBlocksAreCached() {
        allocatedBy(Operation.READ);
        assertThat(allocatedBy(Operation.READ)).isLessThanOrEqualTo(REQUESTS);
        assertThat(io.reads()).isEqualTo(REQUESTS);
        assertThat(io.writes()).isZero();
        System.out.printf("store: cached 4 KiB read %.0f ns of CPU%n", nsPerRequest);
    }

    @Test
    void shouldWriteWithTwoSystemCallsAndWithoutAllocationWhenRegionsAreMarked() {
        assertThat(allocatedBy(Operation.WRITE)).isLessThanOrEqualTo(REQUESTS);
        assertThat(io.writes()).as("entry and data").isEqualTo(2L * REQUESTS);
        assertThat(io.reads()).isZero();
    }

    @Test
    void shouldAllocateNothingWhenSeveralExtentsAreFlushedTogether() throws Exception {
        ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        allocatedBy(Operation.WRITE); // warms the writes, which the compiler must have freed of short-lived objects
        long[] extents = {0, 1L << 18}; // blocks of 4 KiB: two extents of 1 GiB
        StoredVolume volume = store.createVolume(new BlockGeometry(2L << 30, 4096, false));
        queue = volume.openQueue(loop, () -> {});
        flushRounds(1000, extents);
        long before = threads.getCurrentThreadAllocatedBytes();
        long syncs = store.folder().counters().fileSyncs().sum();
        flushRounds(FLUSH_ROUNDS, extents);
        assertThat(store.folder().counters().fileSyncs().sum() - syncs)
                .as("syncs: two files of each extent")
                .isEqualTo(4L * FLUSH_ROUNDS);
        // Less than a third of a link per flush and extent: the pool's lock allocates when threads meet there.
        assertThat(threads.getCurrentThreadAllocatedBytes() - before).isLessThanOrEqualTo(16L * FLUSH_ROUNDS);
    }

    private void flushRounds(int rounds, long[] extents) {
        for (int i = 0; i < rounds; i++) {
            for (long block : extents) {
                run(Operation.WRITE, block);
            }
            request.set(Operation.FLUSH, 0, 0, 0);
            submit();
        }
    }

    @Test
    void shouldPrintWhatTheSecondStoreOfAWriteCosts() {
        double withEntry = Double.MAX_VALUE;
        double withoutEntry = Double.MAX_VALUE;
        for (int round = 0; round < 4; round++) {
            io.skipMetadataWrites(false);
            allocatedBy(Operation.WRITE);
            withEntry = Math.min(withEntry, nsPerRequest);
            io.skipMetadataWrites(true);
            allocatedBy(Operation.WRITE);
            withoutEntry = Math.min(withoutEntry, nsPerRequest);
        }
        io.skipMetadataWrites(false);
        System.out.printf(
                "store: 4 KiB write %.0f ns of CPU, without its entry %.0f ns: the entry costs %.0f %%%n",
                withEntry, withoutEntry, 100 * (withEntry - withoutEntry) / withEntry);
        assertThat(withEntry).isPositive();
    }
}
