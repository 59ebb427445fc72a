package io.ashlar.store.volume;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.ashlar.base.block.BlockGeometry;
import io.ashlar.base.block.BlockRuns;
import io.ashlar.base.block.Operation;
import io.ashlar.base.status.Status;
import io.ashlar.base.sys.Errno;
import io.ashlar.store.StoreCheck;
import io.ashlar.store.StoreExport;
import io.ashlar.store.StoreFixture;
import io.ashlar.store.VolumeClient;
import io.ashlar.store.file.CountingStorageIo;
import io.ashlar.store.file.FaultyStorageIo;
import io.ashlar.store.file.FaultyStorageIo.Call;
import io.ashlar.store.file.ForwardingStorageIo;
import io.ashlar.store.file.LinuxStorageIo;
import io.ashlar.store.file.StorageFile;
import io.ashlar.store.file.StorageIo;
import io.ashlar.store.file.StoreException;
import io.ashlar.store.format.ExtentShape;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** A start after a kill that finds an extent gone, damaged or behind the volume's end, of which regions are marked. */
class LostExtentTest extends OneVolumeTest {
    private static final ExtentShape SHAPE = new ExtentShape(4, 2);
    private static final int REGION = 4 * 4096;
    private static final int EXTENT = 2 * REGION;
    private static final int EXTENTS = 3;
    /** Where the slots of a header are (docs/on-disk-format.md). */
    private static final int[] SLOTS = {0, 4096};

    private final FaultyStorageIo io = new FaultyStorageIo(new CountingStorageIo(new LinuxStorageIo()));

    /** Leaves the first region of each extent marked, full of the extent's index and one. */
    @BeforeEach
    void writeAndKill() throws StoreException {
        store = StoreFixture.onThreads(path, io);
        volume = store.createVolume(new BlockGeometry((EXTENTS - 1) * EXTENT, 4096, false), SHAPE);
        volume.resize(EXTENTS * EXTENT);
        client = new VolumeClient(volume);
        for (int extent = 0; extent < EXTENTS; extent++) {
            assertThat(client.fill((long) extent * EXTENT, REGION, extent + 1)).isEqualTo(Status.OK);
        }
        kill();
    }

    private void kill() {
        client.close();
        store.kill();
    }

    private void open() throws StoreException {
        open(io);
    }

    private void open(StorageIo disk) throws StoreException {
        store = StoreFixture.onThreads(path, disk);
        volume = store.folder().openVolume(volume.uuid());
        client = new VolumeClient(volume);
    }

    private Path file(String name) {
        return path.resolve("volumes").resolve(volume.uuid().toString()).resolve(name);
    }

    private void damage(String name, int offset) throws IOException {
        try (RandomAccessFile file = new RandomAccessFile(file(name).toFile(), "rw")) {
            file.seek(offset + 100);
            file.write(1);
        }
    }

    private void expect(int extent) {
        byte[] bytes = new byte[REGION];
        assertThat(client.read((long) extent * EXTENT, bytes)).isEqualTo(Status.OK);
        assertThat(bytes).containsOnly(extent + 1);
    }

    /** Whatever is asked of the middle extent ends with an I/O error; the others are read and written. */
    private void expectOnlyTheMiddleOneLost() {
        for (long offset = EXTENT; offset < 2 * EXTENT; offset += REGION) {
            assertThat(client.read(offset, new byte[4096])).isEqualTo(Status.IO_ERROR);
            assertThat(client.fill(offset, 4096, 9)).isEqualTo(Status.IO_ERROR);
            assertThat(client.fill(offset, 512, 9)).isEqualTo(Status.IO_ERROR);
            assertThat(client.run(Operation.DISCARD, offset, 4096, 0)).isEqualTo(Status.IO_ERROR);
            assertThat(client.run(Operation.WRITE_ZEROES, offset, 4096, 0)).isEqualTo(Status.IO_ERROR);
            assertThat(client.blockStatus(offset, 4096, new BlockRuns(1))).isEqualTo(Status.IO_ERROR);
        }
        expect(0);
        expect(2);
        assertThat(client.fill(REGION, 4096, 5)).isEqualTo(Status.OK);
        assertThat(client.flush())
                .as("what was written there before may be lost")
                .isEqualTo(Status.IO_ERROR);
        assertThat(volume.isFailed()).isTrue();
        assertThat(volume.ailment()).startsWith("extent 00000001-0: ");
    }

    private void expectAllThere() {
        for (int extent = 0; extent < EXTENTS; extent++) {
            expect(extent);
        }
        assertThat(client.flush()).isEqualTo(Status.OK);
        assertThat(volume.isFailed()).isFalse();
    }

    private List<String> findings() throws StoreException {
        return new StoreCheck(path, io, (id, done, total) -> {})
                .run().findings().stream()
                        .map(finding -> finding.file() + " " + finding.problem())
                        .toList();
    }

    @Test
    void shouldServeTheRestUntilAStartCanReadTheHeaderOfAMarkedExtentAgain() throws Exception {
        io.setPlan((call, file) ->
                call == Call.READ && file.endsWith("00000001-0.meta") ? -Errno.EIO : FaultyStorageIo.PASS);
        open();
        expectOnlyTheMiddleOneLost();
        io.setPlan((call, file) -> FaultyStorageIo.PASS);
        expectOnlyTheMiddleOneLost(); // nothing that was not settled is served
        client.close();
        store.close();
        open();
        expectAllThere();
        assertThat(store.folder().counters().regionsRecovered().sum())
                .as("only the mark of the lost one was kept")
                .isEqualTo(1);
    }

    @Test
    void shouldServeTheRestAndReportItWhenTheHeaderOfAMarkedExtentIsDamaged() throws Exception {
        for (int slot : SLOTS) {
            damage("00000001-0.meta", slot);
        }
        assertThat(findings()).containsExactly("00000001-0.meta extent 00000001-0 has no valid header");
        open();
        expectOnlyTheMiddleOneLost();
    }

    @Test
    void shouldSayAsLongAsItLastsThatAnExtentWithoutMarksCannotBeOpened() throws Exception {
        open();
        expectAllThere();
        client.close();
        store.close();
        io.setPlan((call, file) ->
                call == Call.READ && file.endsWith("00000001-0.meta") ? -Errno.EIO : FaultyStorageIo.PASS);
        open();
        expect(0);
        assertThat(volume.ailment()).isEmpty();
        assertThat(client.read(EXTENT, new byte[4096])).isEqualTo(Status.CORRUPT);
        assertThat(volume.ailment()).isEqualTo("1 of its extents can't be opened: requests to them fail");
        io.setPlan((call, file) -> FaultyStorageIo.PASS);
        expectAllThere();
        assertThat(volume.ailment()).isEmpty();
    }

    @Test
    void shouldNeitherReadZeroesNorMakeAnewAMarkedExtentWhoseFilesAreGone() throws Exception {
        Files.delete(file("00000001-0.meta"));
        Files.delete(file("00000001-0.data"));
        assertThat(findings()).containsExactly("00000001-0.meta is gone, though regions are marked");
        for (int start = 0; start < 2; start++) {
            open();
            expectOnlyTheMiddleOneLost();
            client.close();
            store.close();
        }
        assertThat(file("00000001-0.meta")).doesNotExist();
        open();
    }

    @Test
    void shouldSettleWhatLiesBehindTheEndThatAnOlderHeaderNames() throws Exception {
        damage("volume", SLOTS[0]); // the third change, and odd ones are there
        assertThat(findings())
                .containsExactly(
                        "volume a copy of the header is damaged",
                        "00000002-0.meta lies behind the volume's end: its header was for a larger one");
        open();
        assertThat(volume.geometry().sizeBytes()).isEqualTo((EXTENTS - 1) * EXTENT);
        assertThat(client.flush()).isEqualTo(Status.OK);
        assertThat(store.folder().counters().regionsRecovered().sum()).isEqualTo(EXTENTS);
        volume.resize(EXTENTS * EXTENT); // as the catalogue has it
        expectAllThere();
    }

    @Test
    void shouldNotMakeUpWhatLayBehindTheEndAndIsGone() throws Exception {
        damage("volume", SLOTS[0]);
        Files.delete(file("00000002-0.meta"));
        open();
        volume.resize(EXTENTS * EXTENT);
        expect(0);
        expect(1);
        assertThat(client.read(2 * EXTENT, new byte[4096])).isEqualTo(Status.IO_ERROR);
        assertThat(client.fill(2 * EXTENT, 4096, 9)).isEqualTo(Status.IO_ERROR);
        assertThat(client.flush()).isEqualTo(Status.IO_ERROR);
    }

    @Test
    void shouldTryAgainLaterWhenDescriptorsAreShort() throws Exception {
        StorageIo scarce = new ForwardingStorageIo(io) {
            @Override
            public StorageFile open(Path file, Mode mode) throws StoreException {
                if (file.endsWith("00000001-0.meta")) {
                    throw new StoreException("can't open it", Errno.EMFILE);
                }
                return super.open(file, mode);
            }
        };
        assertThatThrownBy(() -> open(scarce)).hasMessage("can't open it");
        store.kill();
        open();
        expectAllThere();
    }

    @Test
    void shouldTryAgainLaterWhenMemoryIsShort() throws Exception {
        io.setPlan((call, file) ->
                call == Call.READ && file.endsWith("00000001-0.meta") ? -Errno.ENOMEM : FaultyStorageIo.PASS);
        assertThatThrownBy(this::open).hasMessageStartingWith("can't read the header of extent 00000001-0");
        io.setPlan((call, file) -> FaultyStorageIo.PASS);
        store.kill();
        open();
        expectAllThere();
    }

    @Test
    void shouldExportWhatCanBeReadWhenAnExtentCannotBeOpened() throws Exception {
        for (int slot : SLOTS) {
            damage("00000001-0.meta", slot);
        }
        Path image = path.resolve("image");
        StoreExport.Report report = new StoreExport(path, io, (id, done, total) -> {}).run(volume.uuid(), image);
        assertThat(report.blocks()).isEqualTo(2 * REGION / 4096);
        assertThat(report.findings()).singleElement().satisfies(finding -> assertThat(finding.file())
                .isEqualTo("00000001-0.meta"));
        byte[] bytes = Files.readAllBytes(image);
        assertThat(bytes).hasSize(EXTENTS * EXTENT);
        assertThat(bytes[0]).isEqualTo((byte) 1);
        assertThat(bytes[EXTENT]).isZero();
        assertThat(bytes[2 * EXTENT]).isEqualTo((byte) 3);
        open();
    }
}
