package io.ashlar.store.volume;

import static org.assertj.core.api.Assertions.assertThat;

import io.ashlar.base.block.BlockGeometry;
import io.ashlar.base.block.BlockRuns;
import io.ashlar.base.status.Status;
import io.ashlar.store.StoreFixture;
import io.ashlar.store.VolumeClient;
import io.ashlar.store.file.CountingStorageIo;
import io.ashlar.store.file.LinuxStorageIo;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What a question about a range may cost, and that it is answered whatever happens. */
class BlockStatusTest extends OneVolumeTest {
    private static final long EXTENT = 1L << 30;

    private final CountingStorageIo io = new CountingStorageIo(new LinuxStorageIo());

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

    @Test
    void shouldAnswerInternalWhenAQuestionCannotBeDealtWith() {
        assertThat(client.blockStatus(1L << 50, 4096, new BlockRuns(1))).isEqualTo(Status.INTERNAL);
    }
}
