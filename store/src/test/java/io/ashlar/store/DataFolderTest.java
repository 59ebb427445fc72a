package io.ashlar.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.ashlar.base.block.BlockGeometry;
import io.ashlar.base.block.BlockRuns;
import io.ashlar.base.block.Operation;
import io.ashlar.base.status.Status;
import io.ashlar.base.time.RandomSource;
import io.ashlar.store.config.StoreConfig;
import io.ashlar.store.config.StoreEnvironment;
import io.ashlar.store.file.FaultyStorageIo;
import io.ashlar.store.file.LinuxStorageIo;
import io.ashlar.store.file.StoreException;
import io.ashlar.store.volume.StoredVolume;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DataFolderTest {
    private static final BlockGeometry GEOMETRY = new BlockGeometry(3L << 30, 4096, false);

    @TempDir
    Path parent;

    private DataFolder open(Path path, UUID bootId) throws StoreException {
        return DataFolder.open(
                path,
                new LinuxStorageIo(),
                StoreConfig.DEFAULT,
                new StoreEnvironment(Runnable::run, RandomSource.SECURE, bootId));
    }

    @Test
    void shouldKeepIdentityAndVolumesWhenOpenedAgain() throws Exception {
        Path path = parent.resolve("data");
        UUID volume = new UUID(7, 8);
        UUID uuid;
        try (DataFolder folder = open(path, new UUID(1, 1))) {
            uuid = folder.uuid();
            assertThat(folder.volumes()).isEmpty();
            assertThat(folder.wasCleanlyStopped()).isTrue();
            folder.createVolume(volume, GEOMETRY);
            assertThatThrownBy(() -> folder.createVolume(volume, GEOMETRY)).hasMessageContaining("exists already");
        }
        try (DataFolder folder = open(path, new UUID(2, 2))) {
            assertThat(folder.uuid()).isEqualTo(uuid);
            assertThat(folder.wasCleanlyStopped()).isTrue();
            assertThat(folder.previousBootId()).isEqualTo(new UUID(1, 1));
            assertThat(folder.volumes()).containsExactly(volume);
            assertThat(folder.openVolume(volume).geometry()).isEqualTo(GEOMETRY);
            assertThatThrownBy(() -> folder.openVolume(volume)).hasMessageContaining("open already");
            assertThatThrownBy(() -> folder.deleteVolume(volume)).hasMessageContaining("is open");
            assertThatThrownBy(() -> folder.openVolume(uuid)).hasMessageContaining("does not exist");
        }
    }

    @Test
    void shouldSayThatTheStopWasNotCleanWhenTheProcessWasKilled() throws Exception {
        Path path = parent.resolve("data");
        open(path, new UUID(1, 1)).close();
        Path copy = parent.resolve("copy");
        try (DataFolder running = open(path, new UUID(1, 1))) {
            assertThat(running.path()).isEqualTo(path);
            copy(path, copy);
        }
        try (DataFolder folder = open(copy, new UUID(1, 1))) {
            assertThat(folder.wasCleanlyStopped()).isFalse();
        }
    }

    private static void copy(Path from, Path to) throws Exception {
        try (var paths = Files.walk(from)) {
            for (Path path : paths.toList()) {
                Files.copy(path, to.resolve(from.relativize(path)));
            }
        }
    }

    @Test
    void shouldRefuseInOneLineWhenTheFolderIsInUseOrForeign() throws Exception {
        Path path = parent.resolve("data");
        try (DataFolder folder = open(path, new UUID(1, 1))) {
            assertThat(folder.freeBytes()).isPositive();
            assertThatThrownBy(() -> open(path, new UUID(1, 1)))
                    .isInstanceOf(StoreException.class)
                    .hasMessage("data folder " + path + " is in use by another process");
            assertThatThrownBy(() -> new StoreCheck(path, new LinuxStorageIo(), (v, d, t) -> {}).run())
                    .hasMessageContaining("in use");
        }
        Path foreign = Files.createDirectory(parent.resolve("foreign"));
        Files.writeString(foreign.resolve("letter.txt"), "dear");
        assertThatThrownBy(() -> open(foreign, new UUID(1, 1))).hasMessageContaining("neither empty nor a data folder");
        assertThatThrownBy(() -> new StoreCheck(foreign, new LinuxStorageIo(), (v, d, t) -> {}).run())
                .hasMessageContaining("not a data folder");
        assertThatThrownBy(() -> open(parent.resolve("a/b"), new UUID(1, 1))).isInstanceOf(StoreException.class);
    }

    @Test
    void shouldGrowAndRefuseToShrinkWhenResized() throws Exception {
        Path path = parent.resolve("data");
        UUID uuid;
        try (StoreFixture store = StoreFixture.onThreads(path, new LinuxStorageIo())) {
            StoredVolume volume = store.createVolume(new BlockGeometry(1L << 30, 4096, false));
            uuid = volume.uuid();
            AtomicReference<BlockGeometry> told = new AtomicReference<>();
            volume.onGeometryChange(() -> told.set(volume.geometry()));
            volume.resize(GEOMETRY.sizeBytes());
            assertThat(told.get()).isEqualTo(GEOMETRY);
            assertThatThrownBy(() -> volume.resize(4096)).hasMessageContaining("smaller");
            try (VolumeClient client = new VolumeClient(volume)) {
                assertThat(client.fill(GEOMETRY.sizeBytes() - 4096, 4096, 7)).isEqualTo(Status.OK);
            }
        }
        try (DataFolder folder = open(path, StoreFixture.BOOT)) {
            assertThat(folder.openVolume(uuid).geometry()).isEqualTo(GEOMETRY);
        }
    }

    @Test
    void shouldRemoveFilesWhenAVolumeIsDeletedOrWasNeverFinished() throws Exception {
        Path path = parent.resolve("data");
        try (DataFolder folder = open(path, StoreFixture.BOOT)) {
            folder.createVolume(new UUID(1, 2), GEOMETRY);
            folder.deleteVolume(new UUID(1, 2));
            assertThat(folder.volumes()).isEmpty();
            assertThat(path.resolve("volumes")).isEmptyDirectory();
        }
        Files.createDirectory(path.resolve("volumes/new-" + new UUID(3, 4)));
        Files.createFile(path.resolve("volumes/new-" + new UUID(3, 4) + "/volume"));
        try (DataFolder folder = open(path, StoreFixture.BOOT)) {
            assertThat(folder.volumes()).isEmpty();
            assertThat(path.resolve("volumes")).isEmptyDirectory();
        }
    }

    @Test
    void shouldLeaveNoVolumeWhenItsCreationFails() throws Exception {
        FaultyStorageIo io = new FaultyStorageIo(new LinuxStorageIo());
        try (StoreFixture store = StoreFixture.onThreads(parent.resolve("data"), io)) {
            io.setPlan((call, file) -> call == FaultyStorageIo.Call.SYNC ? -28 : FaultyStorageIo.PASS);
            assertThatThrownBy(() -> store.createVolume(GEOMETRY)).hasMessageContaining("ENOSPC");
            io.setPlan((call, file) -> FaultyStorageIo.PASS);
            assertThat(store.folder().volumes()).isEmpty();
        }
    }

    @Test
    void shouldReportRunsWhenAskedForBlockStatus() throws Exception {
        try (StoreFixture store = StoreFixture.onThreads(parent.resolve("data"), new LinuxStorageIo())) {
            StoredVolume volume = store.createVolume(GEOMETRY);
            try (VolumeClient client = new VolumeClient(volume)) {
                client.fill(1L << 30, 16384, 1);
                client.run(Operation.DISCARD, (1L << 30) + 4096, 4096, 0);
                BlockRuns runs = new BlockRuns(8);
                assertThat(client.blockStatus(0, GEOMETRY.sizeBytes(), runs)).isEqualTo(Status.OK);
                assertThat(runs.count()).isEqualTo(5);
                assertThat(runs.lengthBytes(0)).isEqualTo(1L << 30);
                assertThat(runs.kind(0)).isEqualTo(BlockRuns.Kind.ABSENT);
                assertThat(runs.kind(2)).isEqualTo(BlockRuns.Kind.ZERO);
                assertThat(runs.lengthBytes(3)).isEqualTo(8192);
                assertThat(runs.kind(3)).isEqualTo(BlockRuns.Kind.DATA);
                BlockRuns few = new BlockRuns(2);
                assertThat(client.blockStatus((1L << 30) + 512, 8192, few)).isEqualTo(Status.OK);
                assertThat(few.lengthBytes(0)).isEqualTo(3584);
                assertThat(few.lengthBytes(1)).isEqualTo(4096);
            }
        }
    }

    @Test
    void shouldExportSoundBlocksAndListTheOthersWhenTheNodeIsDown() throws Exception {
        Path path = parent.resolve("data");
        UUID uuid;
        try (StoreFixture store = StoreFixture.onThreads(path, new LinuxStorageIo())) {
            StoredVolume volume = store.createVolume(new BlockGeometry(8 << 20, 4096, false));
            uuid = volume.uuid();
            try (VolumeClient client = new VolumeClient(volume)) {
                client.fill(0, 8192, 1);
                client.fill(5 << 20, 4096, 2);
            }
        }
        Path data = path.resolve("volumes/" + uuid + "/00000000-0.data");
        try (RandomAccessFile file = new RandomAccessFile(data.toFile(), "rw")) {
            file.seek(4096 + 17);
            file.write(9);
        }
        StoreCheck.Report report = new StoreCheck(path, new LinuxStorageIo(), (v, d, t) -> {}).run();
        assertThat(report.isSound()).isFalse();
        assertThat(report.blocks()).isEqualTo(3);
        assertThat(report.findings()).singleElement().satisfies(finding -> assertThat(finding.block())
                .isEqualTo(1));
        Path image = parent.resolve("image");
        StoreExport.Report export = new StoreExport(path, new LinuxStorageIo(), (v, d, t) -> {}).run(uuid, image);
        assertThat(export.blocks()).isEqualTo(2);
        assertThat(export.findings()).hasSize(1);
        byte[] bytes = Files.readAllBytes(image);
        assertThat(bytes).hasSize(8 << 20);
        assertThat(bytes[0]).isEqualTo((byte) 1);
        assertThat(bytes[4096]).as("a corrupt block is a hole").isZero();
        assertThat(bytes[5 << 20]).isEqualTo((byte) 2);
        assertThatThrownBy(() -> new StoreExport(path, new LinuxStorageIo(), (v, d, t) -> {}).run(uuid, image))
                .hasMessageContaining("exists already");
        assertThatThrownBy(() -> new StoreExport(path, new LinuxStorageIo(), (v, d, t) -> {})
                        .run(new UUID(0, 0), parent.resolve("other")))
                .hasMessageContaining("does not exist");
    }
}
