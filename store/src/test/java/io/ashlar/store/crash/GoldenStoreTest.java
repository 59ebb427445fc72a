package io.ashlar.store.crash;

import static org.assertj.core.api.Assertions.assertThat;

import io.ashlar.base.block.Operation;
import io.ashlar.base.status.Status;
import io.ashlar.store.StoreCheck;
import io.ashlar.store.file.RecordingStorageIo;
import io.ashlar.store.file.StoreException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import java.util.zip.ZipEntry;
import java.util.zip.ZipInputStream;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.Test;

/**
 * Reads a store that the first release wrote and left with a kill. The file is never written again; a new version of the
 * format gets a new one ({@code -Dgolden.write=FILE} writes it).
 */
class GoldenStoreTest {
    private static final String FILE = "/golden/store-v1.zip";

    @Test
    void shouldReadAStoreThatTheFirstReleaseWrote() throws Exception {
        if (System.getProperty("golden.write") != null) {
            writeTo(Path.of(System.getProperty("golden.write")));
        }
        RecordingStorageIo.Disk disk = new RecordingStorageIo.Disk();
        try (InputStream in = GoldenStoreTest.class.getResourceAsStream(FILE);
                ZipInputStream zip = new ZipInputStream(in)) {
            for (ZipEntry entry = zip.getNextEntry(); entry != null; entry = zip.getNextEntry()) {
                disk.put(SteppedStore.ROOT.resolve(entry.getName()), zip.readAllBytes());
            }
        }
        RecordingStorageIo io = new RecordingStorageIo(disk);
        StoreCheck.Report report = new StoreCheck(SteppedStore.ROOT, io, (v, d, t) -> {}).run();
        assertThat(report.isSound()).isTrue();
        assertThat(report.regionsToSettle()).isPositive();
        SteppedStore store = new SteppedStore(io, new Random(1));
        assertThat(store.folder().wasCleanlyStopped()).isFalse();
        Status[] status = new Status[1];
        for (int block = 0; block < SteppedStore.BLOCKS; block++) {
            int[] found = store.read(block, status);
            assertThat(status[0]).isEqualTo(Status.OK);
            assertThat(found[2]).as("block %d", block).isEqualTo(block == 5 ? 0 : 100 + block);
            assertThat(found[3]).as("block %d", block).isEqualTo(block == 5 ? 0 : block == 9 ? 9 : 100 + block);
        }
        store.close();
    }

    private static void writeTo(Path target) throws StoreException, IOException {
        RecordingStorageIo io = new RecordingStorageIo(SteppedStore.emptyDisk());
        SteppedStore store = new SteppedStore(io, new Random(1));
        for (int block = 0; block < SteppedStore.BLOCKS; block++) {
            store.run(SectorRequest.data(Operation.WRITE, block * 8L, 8, 100 + block, 0));
        }
        store.run(SectorRequest.of(Operation.DISCARD, 40, 8, 0));
        store.run(SectorRequest.data(Operation.WRITE, 9 * 8 + 3, 1, 9, 0));
        RecordingStorageIo.Disk disk = io.now();
        try (ZipOutputStream zip = new ZipOutputStream(Files.newOutputStream(target))) {
            for (Path path : disk.paths()) {
                ZipEntry entry = new ZipEntry(SteppedStore.ROOT.relativize(path).toString());
                entry.setTime(0);
                zip.putNextEntry(entry);
                zip.write(disk.bytes(path));
            }
        }
    }
}
