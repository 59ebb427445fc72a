package io.ashlar.store.volume;

import static org.assertj.core.api.Assertions.assertThat;

import io.ashlar.base.block.BlockGeometry;
import io.ashlar.base.block.Operation;
import io.ashlar.base.status.Status;
import io.ashlar.store.StoreFixture;
import io.ashlar.store.VolumeClient;
import io.ashlar.store.file.CountingStorageIo;
import io.ashlar.store.file.FaultyStorageIo;
import io.ashlar.store.file.FaultyStorageIo.Call;
import io.ashlar.store.file.LinuxStorageIo;
import io.ashlar.store.file.StoreException;
import java.nio.file.Path;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a volume does while the regions that a kill left marked are being settled. */
class VolumeRecoveryTest {
    private static final long EXTENT_BYTES = 1L << 30;
    private static final int REGION_BYTES = 1 << 20;

    private final FaultyStorageIo io = new FaultyStorageIo(new CountingStorageIo(new LinuxStorageIo()));
    private final CountDownLatch letGo = new CountDownLatch(1);

    @TempDir
    Path path;

    private StoreFixture store;
    private StoredVolume volume;
    private VolumeClient client;

    @BeforeEach
    void openVolume() throws StoreException {
        store = StoreFixture.onThreads(path, io);
        volume = store.createVolume(new BlockGeometry(2 * EXTENT_BYTES, 4096, false));
        client = new VolumeClient(volume);
    }

    @AfterEach
    void closeVolume() {
        letGo.countDown();
        client.close();
        store.close();
    }

    private void killAndOpen(FaultyStorageIo.Plan plan) throws StoreException {
        UUID uuid = volume.uuid();
        store.kill();
        client.close();
        store = StoreFixture.onThreads(path, io);
        io.setPlan(plan);
        volume = store.folder().openVolume(uuid);
        client = new VolumeClient(volume);
    }

    /** The disk answers no read of data of the extent until it is let go. */
    private FaultyStorageIo.Plan holdingReadsOf(int extent) {
        return (call, file) -> {
            if (call == Call.READ && file.getFileName().toString().equals("%08x-0.data".formatted(extent))) {
                awaitLetGo();
            }
            return FaultyStorageIo.PASS;
        };
    }

    private void awaitLetGo() {
        try {
            letGo.await();
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
        int regions = 3; // one more than are settled side by side
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
}
