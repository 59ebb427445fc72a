package io.ashlar.store.volume;

import static org.assertj.core.api.Assertions.assertThat;

import io.ashlar.base.block.BlockGeometry;
import io.ashlar.base.status.Status;
import io.ashlar.store.StoreFixture;
import io.ashlar.store.VolumeClient;
import io.ashlar.store.config.StoreConfig;
import io.ashlar.store.file.CountingStorageIo;
import io.ashlar.store.file.LinuxStorageIo;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.UUID;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** After a kill the store reads and rewrites what is marked, however much was ever written. */
class StartupTest {
    private static final int MARKS = 8;

    @TempDir
    Path path;

    /** Writes to each extent, kills the store, opens it again and returns how many bytes that read. */
    private long bytesReadAtStart(int extents) throws Exception {
        StoreConfig config = new StoreConfig(MARKS, StoreConfig.UNFLUSHED_BYTES_MAX_DEFAULT, 64);
        CountingStorageIo io = new CountingStorageIo(new LinuxStorageIo());
        Path folder = Files.createDirectory(path.resolve("extents-" + extents));
        StoreFixture killed = StoreFixture.onThreads(folder, io, config);
        StoredVolume volume = killed.createVolume(new BlockGeometry((long) extents << 30, 4096, false));
        UUID uuid = volume.uuid();
        try (VolumeClient client = new VolumeClient(volume)) {
            for (int i = 0; i < Math.max(extents, 2 * MARKS); i++) {
                long offset = ((long) (i % extents) << 30) + ((long) (i / extents) << 20);
                assertThat(client.fill(offset, 4096, i)).isEqualTo(Status.OK);
            }
        }
        killed.kill();
        io.reset();
        long start = System.nanoTime();
        try (StoreFixture store = StoreFixture.onThreads(folder, io, config)) {
            StoredVolume again = store.folder().openVolume(uuid);
            while (!again.isRecovered()) {
                LockSupport.parkNanos(100_000);
            }
            long ms = (System.nanoTime() - start) / 1_000_000;
            long bytes = io.readBytes();
            System.out.printf(
                    "store: start after a kill with %d extents: %d ms, %d files opened, %d bytes read, %d written%n",
                    extents, ms, io.opens(), bytes, io.writtenBytes());
            assertThat(io.writtenBytes()).as("bytes written").isLessThanOrEqualTo(MARKS * (8192L + 4096) + 64 * 1024);
            assertThat(store.folder().counters().regionsRecovered().sum()).isBetween(1L, (long) MARKS);
            assertThat(io.opens()).as("files opened").isLessThanOrEqualTo(2L * MARKS + 4);
            return bytes;
        }
    }

    @Test
    void shouldReadNoMoreThanTheMarkedRegionsWhenManyExtentsExist() throws Exception {
        long bound = MARKS * ((1L << 20) + 8192) + 64 * 1024;
        assertThat(bytesReadAtStart(1)).isLessThan(bound);
        assertThat(bytesReadAtStart(24)).isLessThan(bound);
    }

    @Test
    @Tag("slow")
    void shouldReadNoMoreThanTheMarkedRegionsWhenATebibyteOfExtentsExists() throws Exception {
        long bound = MARKS * ((1L << 20) + 8192) + 64 * 1024;
        assertThat(bytesReadAtStart(1)).isLessThan(bound);
        assertThat(bytesReadAtStart(1024)).isLessThan(bound);
    }
}
