package io.ashlar.store.volume;

import static org.assertj.core.api.Assertions.assertThat;

import io.ashlar.base.block.BlockGeometry;
import io.ashlar.base.block.BlockRequest;
import io.ashlar.base.block.BlockRuns;
import io.ashlar.base.block.Operation;
import io.ashlar.base.block.ScatterList;
import io.ashlar.base.status.Status;
import io.ashlar.base.sys.Errno;
import io.ashlar.store.StoreFixture;
import io.ashlar.store.VolumeClient;
import io.ashlar.store.config.StoreConfig;
import io.ashlar.store.file.CountingStorageIo;
import io.ashlar.store.file.FaultyStorageIo;
import io.ashlar.store.file.FaultyStorageIo.Call;
import io.ashlar.store.file.LinuxStorageIo;
import io.ashlar.store.file.Scratch;
import io.ashlar.store.file.StoreException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What a volume does while the regions that a kill left marked are being settled. */
class VolumeRecoveryTest extends OneVolumeTest {
    private static final long EXTENT_BYTES = 1L << 30;
    private static final int REGION_BYTES = 1 << 20;

    private final FaultyStorageIo io = new FaultyStorageIo(new CountingStorageIo(new LinuxStorageIo()));
    /** Regions that are settled side by side. */
    private static final int WORKERS = 2;

    private final CountDownLatch held = new CountDownLatch(WORKERS);
    private final CountDownLatch letGo = new CountDownLatch(1);
    /** For the one test that lets an extent go before the other. */
    private final CountDownLatch firstLetGo = new CountDownLatch(1);

    @BeforeEach
    void openVolume() throws StoreException {
        store = StoreFixture.onThreads(path, io);
        volume = store.createVolume(new BlockGeometry(2 * EXTENT_BYTES, 512, false));
        client = new VolumeClient(volume);
    }

    @AfterEach
    void letGo() {
        firstLetGo.countDown();
        letGo.countDown();
    }

    private void killAndOpen(FaultyStorageIo.Plan plan) throws StoreException {
        killAndOpen(StoreConfig.DEFAULT, plan);
    }

    private void killAndOpen(StoreConfig config, FaultyStorageIo.Plan plan) throws StoreException {
        UUID uuid = volume.uuid();
        store.kill();
        client.close();
        store = StoreFixture.onThreads(path, io, config);
        io.setPlan(plan);
        volume = store.folder().openVolume(uuid);
        client = new VolumeClient(volume);
    }

    /** The disk answers no read of data of the extent until it is let go. */
    private FaultyStorageIo.Plan holdingReadsOf(int extent) {
        return (call, file) -> {
            if (call == Call.READ && isDataOf(extent, file)) {
                held.countDown();
                awaitIt(letGo);
            }
            return FaultyStorageIo.PASS;
        };
    }

    private static boolean isDataOf(int extent, Path file) {
        return file.endsWith("%08x-0.data".formatted(extent));
    }

    private static void awaitIt(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private void expect(long offset, int value) {
        byte[] bytes = new byte[4096];
        assertThat(client.read(offset, bytes)).isEqualTo(Status.OK);
        assertThat(bytes).containsOnly(value);
    }

    @Test
    void shouldServeAnExtentInWhichBytesWerePunchedWhileAnotherIsStillBeingSettled() throws Exception {
        assertThat(client.fill(0, 8192, 1)).isEqualTo(Status.OK);
        assertThat(client.run(Operation.DISCARD, 0, 4096, 0)).isEqualTo(Status.OK);
        assertThat(client.fill(EXTENT_BYTES, 4096, 2)).isEqualTo(Status.OK);
        killAndOpen(holdingReadsOf(1));
        expect(0, 0);
        expect(4096, 1);
        assertThat(volume.isRecovered()).isFalse();
        letGo.countDown();
        expect(EXTENT_BYTES, 2);
    }

    @Test
    void shouldEndTheSettlingWhenASyncMeetsWhatNobodyExpected() throws Exception {
        assertThat(client.fill(0, 8192, 1)).isEqualTo(Status.OK);
        assertThat(client.run(Operation.DISCARD, 0, 4096, 0)).isEqualTo(Status.OK);
        killAndOpen((call, file) -> {
            if (call == Call.SYNC && file.toString().endsWith(".data")) {
                throw new AssertionError("nobody expected this");
            }
            return FaultyStorageIo.PASS;
        });
        assertThat(client.flush()).isEqualTo(Status.IO_ERROR);
        expect(4096, 1);
    }

    @Test
    void shouldKeepTheMarksOfWhatIsNotSettledWhenClosingIsInterrupted() throws Exception {
        int regions = WORKERS + 1;
        for (int region = 0; region < regions; region++) {
            assertThat(client.fill((long) region * REGION_BYTES, 4096, 1)).isEqualTo(Status.OK);
        }
        killAndOpen(holdingReadsOf(0));
        Thread closer = new Thread(() -> {
            Thread.currentThread().interrupt();
            volume.close();
        });
        closer.start();
        while (!volume.isClosed()) {
            Thread.onSpinWait();
        }
        letGo.countDown();
        closer.join();
        killAndOpen((call, file) -> FaultyStorageIo.PASS);
        assertThat(client.flush()).isEqualTo(Status.OK);
        assertThat(store.folder().counters().regionsRecovered().sum()).isEqualTo(regions);
    }

    /** A request that is not waited for. */
    private static final class Pending extends BlockRequest {
        private Status status;

        @Override
        protected void onComplete(Status outcome) {
            assertThat(status).as("completed twice").isNull();
            status = outcome;
        }
    }

    private static Pending submit(VolumeClient client, Operation operation, long offset, int length) {
        Pending request = new Pending();
        if (operation == Operation.READ || operation == Operation.WRITE) {
            ScatterList memory = new ScatterList(1);
            memory.add(Scratch.allocate(length), 0, length);
            request.setData(operation, offset, memory, 0);
        } else {
            request.set(operation, offset, length, 0);
        }
        client.queue().submit(request);
        client.queue().endBatch();
        return request;
    }

    private static void await(VolumeClient client, Pending request) {
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(60);
        while (request.status == null) {
            assertThat(System.nanoTime()).as("the request is lost").isLessThan(end);
            client.loop().poll();
        }
    }

    @Test
    void shouldEndOnlyTheFlushesThatAreCalledOffWhileOthersWaitForTheSettling() throws Exception {
        assertThat(client.fill(0, 4096, 1)).isEqualTo(Status.OK);
        killAndOpen(holdingReadsOf(0));
        try (VolumeClient other = new VolumeClient(volume)) {
            Pending ended = submit(client, Operation.FLUSH, 0, 0);
            Pending waiting = submit(other, Operation.FLUSH, 0, 0);
            client.queue().callOff(Status.FENCED);
            await(client, ended);
            assertThat(ended.status).isEqualTo(Status.FENCED);
            other.loop().poll();
            assertThat(waiting.status).isNull();
            letGo.countDown();
            await(other, waiting);
            assertThat(waiting.status).isEqualTo(Status.OK);
            assertThat(client.flush()).isEqualTo(Status.OK);
        }
    }

    @Test
    void shouldLeaveTheRestToTheNextStartAndEndWhatWaitsForItWhenTheSettlingIsStopped() throws Exception {
        int regions = WORKERS + 1;
        for (int region = 0; region < regions; region++) {
            assertThat(client.fill((long) region * REGION_BYTES, 4096, 1)).isEqualTo(Status.OK);
        }
        killAndOpen(holdingReadsOf(0));
        Pending flush = submit(client, Operation.FLUSH, 0, 0);
        Pending read = submit(client, Operation.READ, 2L * REGION_BYTES, 4096);
        held.await();
        volume.stopSettling();
        letGo.countDown();
        await(client, flush);
        await(client, read);
        assertThat(flush.status).isEqualTo(Status.UNAVAILABLE);
        assertThat(read.status).isEqualTo(Status.UNAVAILABLE);
        assertThat(client.flush()).as("a later one").isEqualTo(Status.UNAVAILABLE);
        assertThat(client.fill(2L * REGION_BYTES, 512, 2)).isEqualTo(Status.UNAVAILABLE);
        assertThat(store.folder().counters().regionsRecovered().sum()).isEqualTo(regions - 1);
        volume.close();
        killAndOpen((call, file) -> FaultyStorageIo.PASS);
        expect(2L * REGION_BYTES, 1);
        assertThat(client.flush()).isEqualTo(Status.OK);
        assertThat(store.folder().counters().regionsRecovered().sum()).isEqualTo(regions);
    }

    @Test
    void shouldMarkOtherRegionsAsSoonAsTheFirstOnesAreSettledWhenACrashLeftNoSlotFree() throws Exception {
        assertThat(client.fill(EXTENT_BYTES, 4096, 1)).isEqualTo(Status.OK);
        assertThat(client.fill(EXTENT_BYTES + REGION_BYTES, 4096, 1)).isEqualTo(Status.OK);
        assertThat(client.fill(0, 4096, 1)).isEqualTo(Status.OK);
        StoreConfig threeMarks = new StoreConfig(3, StoreConfig.UNFLUSHED_BYTES_MAX_DEFAULT, 64);
        killAndOpen(threeMarks, (call, file) -> {
            if (call == Call.READ && file.toString().endsWith(".data")) {
                held.countDown();
                awaitIt(isDataOf(0, file) ? firstLetGo : letGo);
            }
            return FaultyStorageIo.PASS;
        });
        held.await();
        Pending write = submit(client, Operation.WRITE, 5 * REGION_BYTES, 4096);
        // By then the table has looked for a mark to clear, and found none.
        BlockRuns runs = new BlockRuns(1);
        for (int i = 0; i < 100; i++) {
            assertThat(client.blockStatus(0, 4096, runs)).isEqualTo(Status.OK);
        }
        assertThat(write.status).isNull();
        firstLetGo.countDown();
        await(client, write);
        assertThat(write.status).isEqualTo(Status.OK);
        assertThat(volume.isRecovered()).isFalse();
    }

    /** Only the first block of an extent can't be read, while its one region is being settled. */
    private static FaultyStorageIo.Plan failingTheFirstReadOf(int extent) {
        AtomicInteger reads = new AtomicInteger();
        return (call, file) -> call == Call.READ && isDataOf(extent, file) && reads.getAndIncrement() == 0
                ? -Errno.EIO
                : FaultyStorageIo.PASS;
    }

    @Test
    void shouldFailNothingButTheBlockWhenItCannotBeReadToBeSettled() throws Exception {
        assertThat(client.fill(0, 8192, 1)).isEqualTo(Status.OK);
        killAndOpen(failingTheFirstReadOf(0));
        assertThat(client.flush()).isEqualTo(Status.OK);
        assertThat(store.folder().counters().unreadableBlocks().sum()).isEqualTo(1);
        assertThat(volume.isFailed()).isFalse();
        expect(0, 1);
        io.setPlan((call, file) -> call == Call.READ && isDataOf(0, file) ? -Errno.EIO : FaultyStorageIo.PASS);
        assertThat(client.read(0, new byte[4096])).isEqualTo(Status.IO_ERROR);
        assertThat(client.fill(0, 4096, 2)).as("an overwrite").isEqualTo(Status.OK);
        io.setPlan((call, file) -> FaultyStorageIo.PASS);
        expect(0, 2);
        expect(4096, 1);
        assertThat(client.flush()).isEqualTo(Status.OK);
    }

    @Test
    void shouldRemoveWhatWasDiscardedEvenIfItCannotBeRead() throws Exception {
        assertThat(client.fill(0, 8192, 1)).isEqualTo(Status.OK);
        assertThat(client.run(Operation.DISCARD, 0, 4096, 0)).isEqualTo(Status.OK);
        AtomicInteger punches = new AtomicInteger();
        FaultyStorageIo.Plan failing = failingTheFirstReadOf(0);
        killAndOpen((call, file) -> {
            punches.addAndGet(call == Call.PUNCH ? 1 : 0);
            return failing.decide(call, file);
        });
        assertThat(client.flush()).isEqualTo(Status.OK);
        assertThat(punches.get()).isEqualTo(1);
        expect(0, 0);
        expect(4096, 1);
    }

    @Test
    void shouldCountTheBlocksThatHaveLostTheirLastWrite() throws Exception {
        assertThat(client.fill(0, 12288, 1)).isEqualTo(Status.OK);
        assertThat(client.fill(0, 8192, 2)).isEqualTo(Status.OK);
        byte[] before = new byte[4096];
        Arrays.fill(before, (byte) 1);
        try (Stream<Path> files = Files.walk(path)) {
            Path data = files.filter(file -> isDataOf(0, file)).findFirst().orElseThrow();
            try (FileChannel channel = FileChannel.open(data, StandardOpenOption.WRITE)) {
                assertThat(channel.write(ByteBuffer.wrap(before), 4096)).isEqualTo(4096);
            }
        }
        killAndOpen((call, file) -> FaultyStorageIo.PASS);
        assertThat(client.flush()).isEqualTo(Status.OK);
        assertThat(store.folder().counters().previousBlocks().sum()).isEqualTo(1);
        assertThat(store.folder().counters().tornBlocks().sum()).isZero();
        expect(0, 2);
        expect(4096, 1);
    }
}
