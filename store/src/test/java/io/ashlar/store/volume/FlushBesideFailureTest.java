package io.ashlar.store.volume;

import static org.assertj.core.api.Assertions.assertThat;

import io.ashlar.base.block.BlockGeometry;
import io.ashlar.base.block.BlockRequest;
import io.ashlar.base.block.Operation;
import io.ashlar.base.status.Status;
import io.ashlar.base.sys.Errno;
import io.ashlar.store.StoreFixture;
import io.ashlar.store.VolumeClient;
import io.ashlar.store.config.StoreConfig;
import io.ashlar.store.file.FaultyStorageIo;
import io.ashlar.store.file.FaultyStorageIo.Call;
import io.ashlar.store.file.LinuxStorageIo;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.FutureTask;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** A flush that runs beside a sync that fails must not be acknowledged: the kernel tells only one of the two. */
class FlushBesideFailureTest extends OneVolumeTest {
    private static final int MARKS = 4;

    private final FaultyStorageIo io = new FaultyStorageIo(new LinuxStorageIo());

    @BeforeEach
    void openVolume() throws Exception {
        store = StoreFixture.onThreads(path, io, new StoreConfig(MARKS, StoreConfig.UNFLUSHED_BYTES_MAX_DEFAULT, 64));
        volume = store.createVolume(new BlockGeometry(1L << 30, 4096, false));
        client = new VolumeClient(volume);
        assertThat(client.fill(0, 4096, 1)).isEqualTo(Status.OK);
    }

    private static boolean isSomebodyWaitingToSync() {
        return Thread.getAllStackTraces().entrySet().stream()
                .anyMatch(thread -> thread.getKey().getState() == Thread.State.BLOCKED
                        && thread.getValue().length > 0
                        && thread.getValue()[0].getMethodName().equals("syncFile"));
    }

    @Test
    void shouldFailTheFlushWhenTheSyncThatClearsMarksFailsBesideIt() throws Exception {
        CountDownLatch clearing = new CountDownLatch(1);
        CountDownLatch failNow = new CountDownLatch(1);
        AtomicInteger syncs = new AtomicInteger();
        io.setPlan((call, file) -> {
            if (call != Call.SYNC || !file.toString().endsWith(".data") || syncs.getAndIncrement() > 0) {
                return FaultyStorageIo.PASS;
            }
            clearing.countDown();
            awaitUninterrupted(failNow);
            return -Errno.EIO;
        });
        for (int region = 1; region < MARKS; region++) { // the last one makes slots short, and marks are cleared
            assertThat(client.fill((long) region << 20, 4096, 1)).isEqualTo(Status.OK);
        }
        clearing.await();
        FutureTask<Status> flush = new FutureTask<>(client::flush);
        new Thread(flush, "flush").start();
        while (!flush.isDone() && !isSomebodyWaitingToSync()) {
            LockSupport.parkNanos(100_000);
        }
        failNow.countDown();
        assertThat(flush.get()).isEqualTo(Status.IO_ERROR);
        assertThat(syncs).as("syncs of the data").hasValue(1);
    }

    private static void awaitUninterrupted(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** A flush that is told of its syncs by the test. */
    private static final class Flush extends BlockRequest {
        private Status status;

        Flush() {
            set(Operation.FLUSH, 0, 0, 0);
        }

        @Override
        protected void onComplete(Status outcome) {
            status = outcome;
        }
    }

    @Test
    void shouldFailTheFlushWhenOneOfItsSyncsSaysSoBeforeTheVolumeKnows() {
        Flush flush = new Flush();
        StoreOp op = new StoreOp(client.queue());
        op.start(StoreOp.Kind.FLUSH, flush, null, 0, 0, false);
        op.step = StoreOp.Step.FINISH;
        op.syncsLeft.set(2);
        op.onSynced(false);
        op.onSynced(true);
        client.loop().poll();
        assertThat(volume.isFailed()).isFalse();
        assertThat(flush.status).isEqualTo(Status.IO_ERROR);
    }
}
