package io.ashlar.store.volume;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import io.ashlar.base.block.BlockGeometry;
import io.ashlar.base.block.BlockRequest;
import io.ashlar.base.block.Operation;
import io.ashlar.base.status.Status;
import io.ashlar.base.sys.Errno;
import io.ashlar.store.StoreFixture;
import io.ashlar.store.VolumeClient;
import io.ashlar.store.extent.ExtentTable;
import io.ashlar.store.file.CountingStorageIo;
import io.ashlar.store.file.FaultyStorageIo;
import io.ashlar.store.file.FaultyStorageIo.Call;
import io.ashlar.store.file.LinuxStorageIo;
import io.ashlar.store.file.StoreException;
import java.util.Random;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.slf4j.LoggerFactory;

/** Full and failing disks: answered, survived, never acknowledged. */
class FailureTest extends OneVolumeTest {
    /**
     * What a file system may need to remember where holes are. Once punching has cut a file into more than four extents, ext4
     * takes a block for their tree; how many there are depends on how scattered the file lies and which hole came first.
     */
    private static final long TREE_BYTES_MAX = 64 << 10;

    private final CountingStorageIo counted = new CountingStorageIo(new LinuxStorageIo());
    private final FaultyStorageIo io = new FaultyStorageIo(counted);

    @BeforeEach
    void openVolume() throws Exception {
        store = StoreFixture.onThreads(path, io);
        volume = store.createVolume(new BlockGeometry(2L << 30, 512, false));
        client = new VolumeClient(volume);
    }

    private void fail(Call call, String namePart, long decision) {
        io.setPlan((called, file) ->
                called == call && file.toString().contains(namePart) ? decision : FaultyStorageIo.PASS);
    }

    /** What follows, the reading of what the blocks hold, succeeds. */
    private void failOnce(Call call, String namePart, long decision) {
        AtomicInteger calls = new AtomicInteger();
        io.setPlan(
                (called, file) -> called == call && file.toString().contains(namePart) && calls.getAndIncrement() == 0
                        ? decision
                        : FaultyStorageIo.PASS);
    }

    private void heal() {
        io.setPlan((called, file) -> FaultyStorageIo.PASS);
    }

    private void expect(long offset, int length, int value) {
        byte[] bytes = new byte[length];
        assertThat(client.read(offset, bytes)).isEqualTo(Status.OK);
        assertThat(bytes).containsOnly(value);
    }

    @Test
    void shouldAnswerNoSpaceAndGoOnWhenAnExtentCannotBeCreated() {
        fail(Call.ALLOCATE, "", -Errno.ENOSPC);
        assertThat(client.fill(0, 4096, 1)).isEqualTo(Status.NO_SPACE);
        expect(0, 4096, 0);
        heal();
        assertThat(client.fill(0, 4096, 2)).isEqualTo(Status.OK);
        expect(0, 4096, 2);
    }

    @Test
    void shouldSayOnceThatAnExtentCannotBeCreatedHoweverOftenItIsTried() {
        ListAppender<ILoggingEvent> lines = new ListAppender<>();
        Logger logger = (Logger) LoggerFactory.getLogger(ExtentTable.class);
        lines.start();
        logger.addAppender(lines);
        try {
            fail(Call.ALLOCATE, "", -Errno.EMFILE);
            for (int i = 0; i < 5; i++) {
                assertThat(client.fill(0, 4096, 1)).isEqualTo(Status.BUSY);
            }
            assertThat(lines.list)
                    .singleElement()
                    .extracting(ILoggingEvent::getFormattedMessage)
                    .asString()
                    .contains(volume.uuid().toString(), "EMFILE");
        } finally {
            logger.detachAppender(lines);
        }
    }

    @Test
    void shouldAnswerThatItIsBusyAndGoOnWhenMemoryOrDescriptorsAreShort() {
        for (int shortage : new int[] {Errno.ENOMEM, Errno.EMFILE, Errno.ENFILE}) {
            fail(Call.ALLOCATE, "", -shortage);
            assertThat(client.fill(1L << 30, 4096, 1)).isEqualTo(Status.BUSY);
        }
        heal();
        assertThat(client.fill(0, 16384, 1)).isEqualTo(Status.OK);
        AtomicInteger writes = new AtomicInteger();
        io.setPlan((call, file) -> call != Call.WRITE || !file.toString().contains(".data")
                ? FaultyStorageIo.PASS
                : writes.getAndIncrement() == 0 ? 4096 : -Errno.ENOMEM);
        assertThat(client.fill(0, 16384, 2)).isEqualTo(Status.BUSY);
        heal();
        expect(4096, 12288, 1);
        assertThat(client.fill(0, 16384, 2)).as("asked again").isEqualTo(Status.OK);
        expect(0, 16384, 2);
        assertThat(client.flush()).isEqualTo(Status.OK);
    }

    @Test
    void shouldAnswerThatItIsBusyAndGoOnWhenMemoryIsShortForAMapEntry() {
        assertThat(client.fill(0, 16384, 1)).isEqualTo(Status.OK);
        failOnce(Call.WRITE, ".meta", -Errno.ENOMEM);
        assertThat(client.fill(0, 16384, 2)).isEqualTo(Status.BUSY);
        expect(0, 16384, 1);
        failOnce(Call.WRITE, ".meta", -Errno.ENOMEM);
        assertThat(client.run(Operation.DISCARD, 0, 8192, 0)).isEqualTo(Status.BUSY);
        expect(0, 16384, 1);
        failOnce(Call.WRITE, ".meta", -Errno.ENOSPC);
        assertThat(client.fill(0, 16384, 2)).isEqualTo(Status.NO_SPACE);
        expect(0, 16384, 1);
        assertThat(client.fill(0, 16384, 2)).as("asked again").isEqualTo(Status.OK);
        assertThat(client.run(Operation.DISCARD, 0, 8192, 0)).isEqualTo(Status.OK);
        expect(0, 8192, 0);
        expect(8192, 8192, 2);
        assertThat(client.flush()).isEqualTo(Status.OK);
    }

    @Test
    void shouldKeepTheOldBlockWhenTheDiskIsFullInTheMiddleOfAWrite() {
        assertThat(client.fill(0, 16384, 1)).isEqualTo(Status.OK);
        AtomicInteger writes = new AtomicInteger();
        io.setPlan((call, file) -> call != Call.WRITE || !file.toString().contains(".data")
                ? FaultyStorageIo.PASS
                : writes.getAndIncrement() == 0 ? 4096 : -Errno.ENOSPC);
        assertThat(client.fill(0, 16384, 2)).isEqualTo(Status.NO_SPACE);
        heal();
        expect(0, 4096, 2);
        expect(4096, 12288, 1);
        assertThat(client.fill(4096, 512, 3)).isEqualTo(Status.OK);
        expect(4096, 512, 3);
        expect(4608, 3584, 1);
        assertThat(client.flush()).isEqualTo(Status.OK);
    }

    @Test
    void shouldReadZeroesWhenTheFirstWriteOfABlockFailed() {
        assertThat(client.fill(0, 4096, 1)).isEqualTo(Status.OK);
        fail(Call.WRITE, ".data", -Errno.ENOSPC);
        assertThat(client.fill(8192, 4096, 2)).isEqualTo(Status.NO_SPACE);
        heal();
        expect(8192, 4096, 0);
        assertThat(client.fill(8192, 4096, 3)).isEqualTo(Status.OK);
        expect(8192, 4096, 3);
    }

    @Test
    void shouldKeepTheOldBlockWhenItsEntryCannotBeWritten() {
        assertThat(client.fill(0, 8192, 1)).isEqualTo(Status.OK);
        failOnce(Call.WRITE, ".meta", -Errno.EIO);
        assertThat(client.fill(0, 8192, 2)).isEqualTo(Status.IO_ERROR);
        heal();
        expect(0, 8192, 1);
    }

    @Test
    void shouldReadTheOldBlockWhenNothingCanBeWrittenAnyMore() {
        assertThat(client.fill(0, 8192, 1)).isEqualTo(Status.OK);
        AtomicBoolean dead = new AtomicBoolean();
        io.setPlan((call, file) -> {
            boolean dies = call == Call.WRITE && file.toString().contains(".data");
            if (dies) {
                dead.set(true);
            }
            return dead.get() && call != Call.READ ? -Errno.EIO : FaultyStorageIo.PASS;
        });
        assertThat(client.fill(0, 8192, 2)).isEqualTo(Status.IO_ERROR);
        expect(0, 8192, 1);
        assertThat(store.folder().counters().corruptBlocks().sum()).isZero();
        heal();
    }

    @Test
    void shouldAnswerIoErrorAndGoOnWhenAReadFails() {
        assertThat(client.fill(0, 4096, 1)).isEqualTo(Status.OK);
        fail(Call.READ, ".data", -Errno.EIO);
        assertThat(client.read(0, new byte[4096])).isEqualTo(Status.IO_ERROR);
        heal();
        expect(0, 4096, 1);
    }

    @Test
    void shouldCompleteWritesWhenTheKernelTakesThemInPieces() {
        fail(Call.WRITE, ".data", 1000);
        assertThat(client.fill(512, 20_480, 5)).isEqualTo(Status.OK);
        heal();
        expect(512, 20_480, 5);
        expect(0, 512, 0);
    }

    @Test
    void shouldNeverFlushAgainWhenOneSyncHasFailed() {
        assertThat(client.fill(0, 4096, 1)).isEqualTo(Status.OK);
        AtomicInteger syncs = new AtomicInteger();
        io.setPlan(
                (call, file) -> call == Call.SYNC && file.toString().contains(".data") && syncs.getAndIncrement() == 0
                        ? -Errno.EIO
                        : FaultyStorageIo.PASS);
        assertThat(client.flush()).isEqualTo(Status.IO_ERROR);
        assertThat(client.flush())
                .as("a flush that the kernel would let succeed")
                .isEqualTo(Status.IO_ERROR);
        assertThat(client.fill(0, 4096, 2)).isEqualTo(Status.IO_ERROR);
        assertThat(client.write(8192, new byte[4096], BlockRequest.FUA)).isEqualTo(Status.IO_ERROR);
        assertThat(client.run(Operation.DISCARD, 0, 4096, 0)).isEqualTo(Status.IO_ERROR);
        expect(0, 4096, 1);
        assertThat(volume.isFailed()).isTrue();
        assertThat(syncs).as("syncs of the failed file").hasValue(1);
    }

    @Test
    void shouldServeAgainWhenTheStoreIsOpenedAfterAFailedSync() throws Exception {
        assertThat(client.fill(0, 4096, 1)).isEqualTo(Status.OK);
        fail(Call.SYNC, ".data", -Errno.EIO);
        assertThat(client.flush()).isEqualTo(Status.IO_ERROR);
        heal();
        UUID uuid = volume.uuid();
        closeVolume();
        store = StoreFixture.onThreads(path, io);
        AtomicInteger rewrites = new AtomicInteger();
        io.setPlan((call, file) -> {
            if (call == Call.WRITE && file.toString().contains(".data")) {
                rewrites.incrementAndGet();
            }
            return FaultyStorageIo.PASS;
        });
        volume = store.folder().openVolume(uuid);
        client = new VolumeClient(volume);
        expect(0, 4096, 1);
        assertThat(rewrites)
                .as("blocks written again, for the kernel took them for clean")
                .hasPositiveValue();
        assertThat(client.flush()).isEqualTo(Status.OK);
        assertThat(volume.isFailed()).isFalse();
    }

    @Test
    void shouldFailFlushesAndLeaveNobodyWaitingWhenSettlingMeetsWhatNobodyExpected() throws Exception {
        assertThat(client.fill(0, 4096, 1)).isEqualTo(Status.OK);
        UUID uuid = volume.uuid();
        store.kill();
        client.close();
        store = StoreFixture.onThreads(path, io);
        io.setPlan((call, file) -> {
            if (call == Call.READ && file.toString().contains(".data")) {
                throw new IllegalStateException("nobody expected this");
            }
            return FaultyStorageIo.PASS;
        });
        volume = store.folder().openVolume(uuid);
        client = new VolumeClient(volume);
        assertThat(client.flush()).isEqualTo(Status.IO_ERROR);
        heal();
        expect(0, 4096, 1);
    }

    @Test
    void shouldRefuseWritesThatNeedAMarkWhenTheIntentTableFails() {
        assertThat(client.fill(0, 4096, 1)).isEqualTo(Status.OK);
        fail(Call.SYNC, "intents", -Errno.EIO);
        assertThat(client.fill(1 << 20, 4096, 2)).isEqualTo(Status.IO_ERROR);
        heal();
        assertThat(client.fill(1 << 20, 4096, 2)).isEqualTo(Status.IO_ERROR);
        assertThat(client.flush()).isEqualTo(Status.IO_ERROR);
        expect(0, 4096, 1);
    }

    @Test
    void shouldHaveRoomForALargerSizeBeforeAnybodyCanSeeIt() throws Exception {
        long last = (8L << 30) - 4096;
        AtomicReference<Status> beforePublished = new AtomicReference<>();
        io.setPlan((call, file) -> {
            if (call == Call.SYNC && file.endsWith("volume")) {
                beforePublished.set(client.read(last, new byte[4096]));
            }
            return FaultyStorageIo.PASS;
        });
        volume.resize(8L << 30);
        heal();
        assertThat(beforePublished).hasValue(Status.OK);
        fail(Call.SYNC, "volume", -Errno.EIO);
        assertThatThrownBy(() -> volume.resize(16L << 30)).isInstanceOf(StoreException.class);
        heal();
        assertThat(volume.geometry().sizeBytes()).isEqualTo(8L << 30);
        volume.resize(9L << 30);
        assertThat(client.fill((9L << 30) - 4096, 4096, 3)).isEqualTo(Status.OK);
    }

    @Test
    void shouldWriteZeroesWhenTheFileSystemCannotPunch() {
        assertThat(client.fill(0, 16384, 1)).isEqualTo(Status.OK);
        fail(Call.PUNCH, "", -Errno.EOPNOTSUPP);
        assertThat(client.run(Operation.DISCARD, 4096, 8192, 0)).isEqualTo(Status.OK);
        heal();
        expect(4096, 8192, 0);
        assertThat(client.fill(4096, 4096, 2)).isEqualTo(Status.OK);
        expect(4096, 4096, 2);
    }

    @Test
    void shouldRefuseAWriteWhosePayloadDoesNotMatchItsChecksum() {
        assertThat(client.fill(0, 4096, 1)).isEqualTo(Status.OK);
        assertThat(client.writeWithChecksum(0, new byte[4096], 12345)).isEqualTo(Status.CHECKSUM);
        expect(0, 4096, 1);
    }

    @Test
    void shouldGiveBackSpaceWhenBlocksAreDiscarded() throws Exception {
        byte[] mebibyte = new byte[1 << 20];
        new Random(3).nextBytes(mebibyte);
        for (int i = 0; i < 8; i++) {
            assertThat(client.write((long) i << 20, mebibyte, 0)).isEqualTo(Status.OK);
        }
        assertThat(client.flush()).isEqualTo(Status.OK);
        long before = volume.allocatedBytes();
        assertThat(client.run(Operation.DISCARD, 1 << 20, 6L << 20, 0)).isEqualTo(Status.OK);
        assertThat(client.flush()).isEqualTo(Status.OK);
        assertThat(counted.punchedBytes()).as("bytes punched").isEqualTo(6L << 20);
        assertThat(volume.allocatedBytes()).isLessThanOrEqualTo(before - (6L << 20) + TREE_BYTES_MAX);
        expect(1 << 20, 1 << 20, 0);
        byte[] last = new byte[1 << 20];
        assertThat(client.read(7L << 20, last)).isEqualTo(Status.OK);
        assertThat(last).isEqualTo(mebibyte);
    }

    @Test
    void shouldKeepSpaceWhenZeroesAreWrittenWithoutUnmap() throws Exception {
        assertThat(client.fill(0, 1 << 20, 1)).isEqualTo(Status.OK);
        assertThat(client.flush()).isEqualTo(Status.OK);
        long before = volume.allocatedBytes();
        assertThat(client.run(Operation.WRITE_ZEROES, 512, (1 << 20) - 1024, 0)).isEqualTo(Status.OK);
        assertThat(client.flush()).isEqualTo(Status.OK);
        assertThat(volume.allocatedBytes()).isGreaterThanOrEqualTo(before);
        expect(512, (1 << 20) - 1024, 0);
        expect(0, 512, 1);
    }
}
