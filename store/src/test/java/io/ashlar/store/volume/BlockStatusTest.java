package io.ashlar.store.volume;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.entry;

import io.ashlar.base.block.BlockGeometry;
import io.ashlar.base.block.BlockRuns;
import io.ashlar.base.status.Status;
import io.ashlar.store.StoreFixture;
import io.ashlar.store.VolumeClient;
import io.ashlar.store.file.CountingStorageIo;
import io.ashlar.store.file.FaultyStorageIo;
import io.ashlar.store.file.FaultyStorageIo.Call;
import io.ashlar.store.file.LinuxStorageIo;
import java.util.EnumMap;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What a question about a range may cost, and that it is answered whatever happens. */
class BlockStatusTest extends OneVolumeTest {
    private static final long EXTENT = 1L << 30;

    private final FaultyStorageIo faulty = new FaultyStorageIo(new LinuxStorageIo());
    private final CountingStorageIo io = new CountingStorageIo(faulty);
    private final CountDownLatch reading = new CountDownLatch(1);
    private final CountDownLatch hangs = new CountDownLatch(1);

    @BeforeEach
    void openVolume() throws Exception {
        store = StoreFixture.onThreads(path, io);
        volume = store.createVolume(new BlockGeometry(3 * EXTENT, 4096, false));
        client = new VolumeClient(volume);
    }

    private static long covered(BlockRuns runs) {
        long bytes = 0;
        for (int i = 0; i < runs.count(); i++) {
            bytes += runs.lengthBytes(i);
        }
        return bytes;
    }

    @Test
    void shouldTellWhatItKnowsWhenARangeWouldTakeLongToLookThrough() {
        assertThat(client.fill(0, 4096, 1)).isEqualTo(Status.OK);
        assertThat(client.fill(EXTENT, 4096, 1)).isEqualTo(Status.OK);
        assertThat(client.fill(2 * EXTENT, 4096, 1)).isEqualTo(Status.OK);
        io.reset();
        BlockRuns runs = new BlockRuns(64);
        long at = 0;
        int questions = 0;
        while (at < 3 * EXTENT) {
            assertThat(client.blockStatus(at, 3 * EXTENT - at, runs)).isEqualTo(Status.OK);
            assertThat(covered(runs)).isBetween(4096L, EXTENT);
            at += covered(runs);
            questions++;
            assertThat(io.reads()).as("maps read").isLessThanOrEqualTo(questions * 1024L);
        }
        assertThat(at).isEqualTo(3 * EXTENT);
        assertThat(questions).isEqualTo(3);
    }

    /** From now on the disk answers no read of a map as long as it hangs. */
    private void hang() {
        faulty.setPlan((call, file) -> {
            if (call == Call.READ && file.toString().contains(".meta")) {
                reading.countDown();
                try {
                    hangs.await();
                } catch (InterruptedException e) {
                    throw new AssertionError(e);
                }
            }
            return FaultyStorageIo.PASS;
        });
    }

    private void pollUntil(BooleanSupplier done) {
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(60);
        while (!done.getAsBoolean()) {
            assertThat(System.nanoTime()).as("still waiting").isLessThan(end);
            client.loop().poll();
            Thread.onSpinWait();
        }
    }

    @Test
    void shouldBreakOffWhenNobodyWantsTheAnswerAnyMore() {
        assertThat(client.fill(0, 4096, 1)).isEqualTo(Status.OK);
        io.reset();
        BlockRuns runs = new BlockRuns(64);
        assertThat(client.blockStatus(0, EXTENT, runs, () -> io.reads() < 5)).isEqualTo(Status.UNAVAILABLE);
        assertThat(io.reads()).as("maps read").isEqualTo(5);
        assertThat(client.blockStatus(0, EXTENT, runs, () -> false)).isEqualTo(Status.UNAVAILABLE);
        assertThat(io.reads()).as("maps read").isEqualTo(5);
    }

    @Test
    void shouldBeBusyWhenMoreQuestionsHangThanAVolumeMayHave() {
        assertThat(client.fill(0, 4096, 1)).isEqualTo(Status.OK);
        hang();
        try {
            Map<Status, Integer> answers = new EnumMap<>(Status.class);
            BlockRuns.Listener listener = (status, runs) -> answers.merge(status, 1, Integer::sum);
            for (int i = 0; i < 300; i++) {
                client.queue().blockStatus(1 << 20, 4096, 8, () -> true, listener);
            }
            assertThat(answers).containsExactly(entry(Status.BUSY, 300 - 256));
            hangs.countDown();
            pollUntil(() -> answers.getOrDefault(Status.OK, 0) == 256);
            assertThat(client.blockStatus(1 << 20, 4096, new BlockRuns(8))).isEqualTo(Status.OK);
        } finally {
            hangs.countDown();
        }
    }

    @Test
    void shouldBreakOffWhenTheVolumeIsBeingClosed() throws Exception {
        assertThat(client.fill(0, 4096, 1)).isEqualTo(Status.OK);
        hang();
        try {
            AtomicReference<Status> answer = new AtomicReference<>();
            client.queue()
                    .blockStatus(1 << 20, EXTENT - (1 << 20), 8, () -> true, (status, runs) -> answer.set(status));
            reading.await();
            Thread closer = new Thread(volume::close);
            closer.start();
            pollUntil(volume::isClosed);
            hangs.countDown();
            closer.join();
            pollUntil(() -> answer.get() != null);
            assertThat(answer).hasValue(Status.UNAVAILABLE);
        } finally {
            hangs.countDown();
        }
    }

    @Test
    void shouldAnswerInternalWhenAQuestionCannotBeDealtWith() {
        assertThat(client.blockStatus(1L << 50, 4096, new BlockRuns(1))).isEqualTo(Status.INTERNAL);
    }
}
