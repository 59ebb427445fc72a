package io.ashlar.store.volume;

import static org.assertj.core.api.Assertions.assertThat;

import io.ashlar.base.block.BlockGeometry;
import io.ashlar.base.status.Status;
import io.ashlar.store.StoreFixture;
import io.ashlar.store.VolumeClient;
import io.ashlar.store.file.CountingStorageIo;
import io.ashlar.store.file.LinuxStorageIo;
import io.ashlar.store.format.ExtentHeader;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.UUID;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A power loss that keeps the data of a region's first write, and loses the entries. */
class LostEntriesTest {
    /** The header of an extent's metadata (docs/on-disk-format.md); the entries are behind it. */
    private static final int HEADER_BYTES = ExtentHeader.MAP_OFFSET;

    @TempDir
    Path path;

    private Path file(String suffix) throws IOException {
        try (Stream<Path> files = Files.walk(path)) {
            return files.filter(file -> file.toString().endsWith(suffix))
                    .findFirst()
                    .orElseThrow();
        }
    }

    private void loseEntries() throws IOException {
        try (RandomAccessFile metadata = new RandomAccessFile(file(".meta").toFile(), "rw")) {
            metadata.seek(HEADER_BYTES);
            metadata.write(new byte[(int) metadata.length() - HEADER_BYTES]);
        }
    }

    private byte[] firstBlockOnDisk() throws IOException {
        try (RandomAccessFile data = new RandomAccessFile(file(".data").toFile(), "r")) {
            byte[] block = new byte[4096];
            data.readFully(block);
            return block;
        }
    }

    @Test
    void shouldLeaveNoOldDataForTheNextEntryToLieOver() throws Exception {
        StoreFixture killed = StoreFixture.onThreads(path, new CountingStorageIo(new LinuxStorageIo()));
        StoredVolume volume = killed.createVolume(new BlockGeometry(1L << 30, 4096, false));
        UUID uuid = volume.uuid();
        try (VolumeClient client = new VolumeClient(volume)) {
            assertThat(client.fill(0, 4096, 7)).isEqualTo(Status.OK);
        }
        killed.kill();
        loseEntries();
        assertThat(firstBlockOnDisk()).isNotEqualTo(new byte[4096]);
        try (StoreFixture store = StoreFixture.onThreads(path, new CountingStorageIo(new LinuxStorageIo()))) {
            StoredVolume again = store.folder().openVolume(uuid);
            while (!again.isRecovered()) {
                LockSupport.parkNanos(100_000);
            }
            assertThat(firstBlockOnDisk()).isEqualTo(new byte[4096]);
        }
    }
}
