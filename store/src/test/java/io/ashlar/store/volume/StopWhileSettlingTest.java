package io.ashlar.store.volume;

import static org.assertj.core.api.Assertions.assertThat;

import io.ashlar.base.block.BlockGeometry;
import io.ashlar.base.block.Operation;
import io.ashlar.base.status.Status;
import io.ashlar.store.StoreFixture;
import io.ashlar.store.VolumeClient;
import io.ashlar.store.config.StoreConfig;
import io.ashlar.store.file.CountingStorageIo;
import io.ashlar.store.file.FaultyStorageIo;
import io.ashlar.store.file.FaultyStorageIo.Call;
import io.ashlar.store.file.LinuxStorageIo;
import io.ashlar.store.file.StoreException;
import io.ashlar.store.format.ExtentShape;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** A stop while regions of many extents are being settled: it waits for no disk but for what is under way. */
class StopWhileSettlingTest extends OneVolumeTest {
    private static final ExtentShape SHAPE = new ExtentShape(64, 1);
    private static final int EXTENT = 64 * 4096;
    private static final int EXTENTS = 40;
    /** Regions that are settled side by side. */
    private static final int WORKERS = 2;
    /** Flushes in the background when 512 KiB are unflushed: more than two regions have without their first block. */
    private static final StoreConfig FLUSHING_SOON =
            new StoreConfig(StoreConfig.DEFAULT.regionsMarkedMax(), 1 << 20, StoreConfig.DEFAULT.mapCacheRegions());

    private final FaultyStorageIo io = new FaultyStorageIo(new CountingStorageIo(new LinuxStorageIo()));
    private final CountDownLatch held = new CountDownLatch(WORKERS);
    private final CountDownLatch letGo = new CountDownLatch(1);
    /** Files of extents, in the order in which they were synced. */
    private final Queue<String> synced = new ConcurrentLinkedQueue<>();

    /** Leaves a region of each extent marked, of which the first block was discarded. */
    @BeforeEach
    void writeAndKill() throws StoreException {
        store = StoreFixture.onThreads(path, io);
        volume = store.createVolume(new BlockGeometry(EXTENTS * EXTENT, 4096, false), SHAPE);
        client = new VolumeClient(volume);
        for (long at = 0; at < EXTENTS * EXTENT; at += EXTENT) {
            assertThat(client.fill(at, EXTENT, 1)).isEqualTo(Status.OK);
            assertThat(client.run(Operation.DISCARD, at, 4096, 0)).isEqualTo(Status.OK);
        }
        client.close();
        store.kill();
    }

    @AfterEach
    void letGo() {
        letGo.countDown();
    }

    private void open(StoreConfig config) throws StoreException {
        store = StoreFixture.onThreads(path, io, config);
        volume = store.folder().openVolume(volume.uuid());
        client = new VolumeClient(volume);
    }

    /** The disk answers no read of data from that extent on until it is let go. */
    private void holdFrom(int extent) {
        io.setPlan((call, file) -> {
            String name = file.getFileName().toString();
            if (call == Call.SYNC && name.contains("-0.")) {
                synced.add(name);
            }
            if (call == Call.READ && name.endsWith(".data") && extentOf(name) >= extent) {
                held.countDown();
                try {
                    letGo.await();
                } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                }
            }
            return FaultyStorageIo.PASS;
        });
    }

    private static int extentOf(String name) {
        return Integer.parseInt(name.substring(0, 8), 16);
    }

    /** Returns how many syncs had begun when the settling was told to stop. */
    private int stop() throws InterruptedException {
        held.await();
        int before = synced.size();
        volume.stopSettling();
        letGo.countDown();
        client.close();
        store.close();
        return before;
    }

    private void expectAllSettledByTheNextStart() throws StoreException {
        io.setPlan((call, file) -> FaultyStorageIo.PASS);
        open(StoreConfig.DEFAULT);
        assertThat(client.flush()).isEqualTo(Status.OK);
        assertThat(store.folder().counters().regionsRecovered().sum()).isEqualTo(EXTENTS);
        byte[] bytes = new byte[EXTENT];
        for (long at = 0; at < EXTENTS * EXTENT; at += EXTENT) {
            assertThat(client.read(at, bytes)).isEqualTo(Status.OK);
            assertThat(bytes[0]).isZero();
            assertThat(bytes[4096]).isEqualTo((byte) 1);
        }
    }

    @Test
    void shouldSyncNothingOnceItIsToldToStop() throws Exception {
        holdFrom(WORKERS);
        open(FLUSHING_SOON); // not yet, but for the regions under way
        int before = stop();
        assertThat(synced).hasSize(before);
        expectAllSettledByTheNextStart();
    }

    @Test
    void shouldSyncOnlyWhatHasBeenWrittenAnewWhenMuchIsUnflushed() throws Exception {
        int settled = 4 * WORKERS;
        holdFrom(settled);
        open(FLUSHING_SOON);
        stop();
        assertThat(synced).isNotEmpty().allSatisfy(name -> assertThat(extentOf(name))
                .isLessThan(settled + WORKERS));
        expectAllSettledByTheNextStart();
    }
}
