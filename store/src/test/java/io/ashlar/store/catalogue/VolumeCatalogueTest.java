package io.ashlar.store.catalogue;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.ashlar.base.status.Status;
import io.ashlar.base.sys.Errno;
import io.ashlar.base.time.Clock;
import io.ashlar.base.time.RandomSource;
import io.ashlar.store.file.ForwardingStorageIo;
import io.ashlar.store.file.StorageFile;
import io.ashlar.store.file.StorageIo;
import io.ashlar.store.file.StoreException;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class VolumeCatalogueTest {
    private static final Path FOLDER = Path.of("data");
    private static final Clock CLOCK = new Clock() {
        @Override
        public long nowNs() {
            return 0;
        }

        @Override
        public long wallMs() {
            return 1_767_225_600_000L;
        }
    };

    private final Random random = new Random(1);
    private FakeDisk disk;
    private VolumeCatalogue catalogue;

    @BeforeEach
    void open() throws StoreException {
        disk = new FakeDisk(random);
        catalogue = open(disk);
    }

    private VolumeCatalogue open(FakeDisk on) throws StoreException {
        RandomSource source = random::nextLong;
        return VolumeCatalogue.open(FOLDER, on.io(), CLOCK, source);
    }

    private void create(String name) {
        assertThat(catalogue.beginCreate(name, 1 << 30, 512).status()).isEqualTo(Status.OK);
        assertThat(catalogue.finishCreate(name).status()).isEqualTo(Status.OK);
    }

    private static VolumeRecord accepted(CatalogueResult result) {
        assertThat(result).isInstanceOf(CatalogueResult.Accepted.class);
        return ((CatalogueResult.Accepted) result).volume();
    }

    private static String refusal(CatalogueResult result, Status status) {
        assertThat(result.status()).isEqualTo(status);
        return ((CatalogueResult.Refused) result).message();
    }

    @Test
    void shouldStillKnowEverythingWhenOpenedAgain() throws StoreException {
        create("b");
        create("a");
        assertThat(accepted(catalogue.attach("a", "host-a", false)).epoch()).isEqualTo(1);
        catalogue.beginCreate("half", 4096, 4096);
        List<VolumeRecord> before = catalogue.volumes();
        VolumeCatalogue again = open(disk.crashed());
        assertThat(again.volumes()).isEqualTo(before).hasSize(3);
        assertThat(again.find("half")).isNull();
        assertThat(again.find("a").attachment().describe()).isEqualTo("held by host-a since 2026-01-01T00:00:00Z");
    }

    @Test
    void shouldHandOutOnlyGreaterIncarnationsWhenOpenedAgain() throws StoreException {
        long last = 0;
        FakeDisk present = disk;
        for (int round = 0; round < 3; round++) {
            VolumeCatalogue opened = open(present);
            for (int i = 0; i < 1500; i++) {
                long next = opened.nextIncarnation();
                assertThat(next).isGreaterThan(last);
                last = next;
            }
            present = present.crashed();
        }
    }

    @Test
    void shouldSayWhyNotWhenANameOrSizeIsWrong() {
        for (String name : List.of("", "A", "-a", "a b", "a/b", "..", "x".repeat(64), "ä", "a\n")) {
            assertThat(catalogue.beginCreate(name, 4096, 512).status()).as(name).isEqualTo(Status.INVALID);
        }
        for (String name : List.of("a", "0", "a.b_c-d", "x".repeat(63))) {
            assertThat(catalogue.beginCreate(name, 4096, 512).status()).as(name).isEqualTo(Status.OK);
        }
        assertThat(refusal(catalogue.beginCreate("a", 4096, 512), Status.ALREADY_EXISTS))
                .isEqualTo("volume a exists already");
        assertThat(catalogue.beginCreate("z", 100, 512).status()).isEqualTo(Status.INVALID);
    }

    @Test
    void shouldGrowButNeverShrink() {
        create("v");
        assertThat(accepted(catalogue.grow("v", 2L << 30)).geometry().sizeBytes())
                .isEqualTo(2L << 30);
        assertThat(refusal(catalogue.grow("v", 1L << 30), Status.INVALID))
                .isEqualTo("volume v has 2147483648 bytes and can't be made smaller");
        assertThat(catalogue.grow("v", (2L << 30) + 1).status()).isEqualTo(Status.INVALID);
        assertThat(catalogue.grow("v", 2L << 30).status()).isEqualTo(Status.OK);
        assertThat(catalogue.grow("w", 2L << 30).status()).isEqualTo(Status.NOT_FOUND);
    }

    @Test
    void shouldGiveAVolumeToOneHostAtATime() {
        create("v");
        assertThat(accepted(catalogue.attach("v", "a", false)).epoch()).isEqualTo(1);
        assertThat(refusal(catalogue.attach("v", "b", false), Status.IN_USE))
                .isEqualTo("volume v is held by a since 2026-01-01T00:00:00Z");
        assertThat(accepted(catalogue.attach("v", "a", false)).epoch()).isEqualTo(2);
        assertThat(catalogue.rejoin("v", "a", 1).status()).isEqualTo(Status.FENCED);
        assertThat(catalogue.rejoin("v", "b", 2).status()).isEqualTo(Status.FENCED);
        assertThat(catalogue.rejoin("v", "a", 2).status()).isEqualTo(Status.OK);
        assertThat(catalogue.rejoin("v", "a", 3).status()).isEqualTo(Status.FENCED);
        VolumeRecord stolen = accepted(catalogue.attach("v", "b", true));
        assertThat(stolen.epoch()).isEqualTo(3);
        assertThat(stolen.attachment().stolen()).isTrue();
        assertThat(catalogue.rejoin("v", "a", 2).status()).isEqualTo(Status.FENCED);
        assertThat(catalogue.beginDelete("v").status()).isEqualTo(Status.IN_USE);
    }

    @Test
    void shouldEndAnAttachmentOnlyForTheEpochThatHasIt() {
        create("v");
        catalogue.attach("v", "a", false);
        catalogue.attach("v", "b", true);
        assertThat(accepted(catalogue.detach("v", 1)).isAttached()).isTrue();
        assertThat(accepted(catalogue.detach("v", 2)).isAttached()).isFalse();
        assertThat(catalogue.rejoin("v", "b", 2).status()).isEqualTo(Status.FENCED);
        assertThat(accepted(catalogue.attach("v", "a", false)).epoch()).isEqualTo(3);
        assertThat(accepted(catalogue.release("v")).epoch()).isEqualTo(4);
        assertThat(catalogue.find("v").isAttached()).isFalse();
        assertThat(accepted(catalogue.release("v")).epoch()).isEqualTo(4);
    }

    @Test
    void shouldForgetAVolumeInTwoSteps() throws StoreException {
        create("v");
        assertThat(accepted(catalogue.beginDelete("v")).state()).isEqualTo(VolumeState.DELETING);
        assertThat(catalogue.find("v")).isNull();
        assertThat(catalogue.beginDelete("v").status()).isEqualTo(Status.NOT_FOUND);
        assertThat(catalogue.beginCreate("v", 4096, 512).status()).isEqualTo(Status.ALREADY_EXISTS);
        assertThat(open(disk).volumes()).hasSize(1);
        catalogue.remove("v");
        assertThat(open(disk).volumes()).isEmpty();
        create("v");
        assertThatThrownBy(() -> catalogue.remove("v")).isInstanceOf(IllegalStateException.class);
    }

    @Test
    void shouldGoOnWhenTheDiskWasFullAndHasRoomAgain() throws StoreException {
        create("v");
        disk.failAfter(1, Errno.ENOSPC);
        assertThat(refusal(catalogue.attach("v", "a", false), Status.NO_SPACE)).contains("ENOSPC");
        assertThat(catalogue.find("v").epoch()).isZero();
        disk.failAfter(Integer.MAX_VALUE, 0);
        assertThat(accepted(catalogue.attach("v", "a", false)).epoch()).isEqualTo(1);
        assertThat(open(disk).find("v").epoch()).isEqualTo(1);
    }

    @Test
    void shouldGoOnWhenDescriptorsWereShortFromTheRenameOn() throws StoreException {
        AtomicBoolean isShort = new AtomicBoolean();
        StorageIo scarce = new ForwardingStorageIo(disk.io()) {
            private void takeDescriptor() throws StoreException {
                if (isShort.get()) {
                    throw new StoreException("no descriptor", Errno.EMFILE);
                }
            }

            @Override
            public StorageFile open(Path path, Mode mode) throws StoreException {
                takeDescriptor();
                return super.open(path, mode);
            }

            @Override
            public OpenFolder openFolder(Path folder) throws StoreException {
                takeDescriptor();
                return super.openFolder(folder);
            }

            @Override
            public void rename(Path from, Path to) throws StoreException {
                isShort.set(true);
                super.rename(from, to);
            }
        };
        catalogue = VolumeCatalogue.open(FOLDER, scarce, CLOCK, random::nextLong);
        assertThat(catalogue.beginCreate("v", 1 << 30, 512).status()).isEqualTo(Status.OK);
        assertThat(refusal(catalogue.finishCreate("v"), Status.BUSY)).isEqualTo("no descriptor");
        isShort.set(false);
        assertThat(catalogue.finishCreate("v").status()).isEqualTo(Status.OK);
        assertThat(open(disk.crashed()).find("v")).isNotNull();
    }

    @Test
    void shouldChangeNothingMoreWhenTheOutcomeOfAStepIsUnknown() throws StoreException {
        create("v");
        int uncertain = 0;
        for (int failing = 0; failing < 12; failing++) {
            FakeDisk copy = disk.crashed().withoutShortWrites();
            VolumeCatalogue opened = open(copy);
            copy.failAfter(failing, Errno.EIO);
            CatalogueResult result = opened.grow("v", 4L << 30);
            copy.failAfter(Integer.MAX_VALUE, 0);
            if (result.status() == Status.OK) {
                continue;
            }
            assertThat(refusal(result, Status.IO_ERROR)).contains("EIO");
            assertThat(opened.find("v").geometry().sizeBytes()).isEqualTo(1 << 30);
            if (opened.grow("v", 5L << 30).status() == Status.IO_ERROR) {
                uncertain++;
                assertThat(opened.nextIncarnation()).isEqualTo(-1);
            }
        }
        assertThat(uncertain)
                .as("the failures of sync, rename and the folder's sync")
                .isEqualTo(3);
    }

    @Test
    void shouldRefuseToOpenWhenTheFileIsOfANewerVersionOrNoCatalogue() {
        byte[] good = CatalogueCodec.encode(CatalogueImage.EMPTY);
        byte[] newer = good.clone();
        newer[4] = 2;
        assertThatThrownBy(() -> CatalogueCodec.decode(newer))
                .hasMessage("the volume catalogue has version 2, this program knows version 1");
        assertThatThrownBy(() -> CatalogueCodec.decode(new byte[100])).hasMessage("the volume catalogue is not one");
        assertThatThrownBy(() -> CatalogueCodec.decode(new byte[0])).hasMessage("the volume catalogue is not one");
    }
}
