package io.ashlar.store.crash;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.ashlar.base.block.BlockGeometry;
import io.ashlar.base.block.BlockRequest;
import io.ashlar.base.block.Operation;
import io.ashlar.base.status.Status;
import io.ashlar.base.time.Clock;
import io.ashlar.store.StoreCheck;
import io.ashlar.store.catalogue.VolumeCatalogue;
import io.ashlar.store.file.CrashedDisk;
import io.ashlar.store.file.FaultyStorageIo;
import io.ashlar.store.file.FaultyStorageIo.Call;
import io.ashlar.store.file.RecordingStorageIo;
import io.ashlar.store.file.StorageIo;
import io.ashlar.store.file.StoreException;
import java.util.List;
import java.util.Random;
import java.util.UUID;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;

/**
 * A process is killed, the next one goes on with what the page cache holds, and then the power fails: what the second
 * process built upon must not have been in the cache only.
 */
class SecondLifeTest {
    private static final int PAGE_BYTES = 4096;
    private static final int DISKS = 50;
    private static final int SEEDS = 20;

    private final RecordingStorageIo io = new RecordingStorageIo(SteppedStore.emptyDisk());

    /** The moment of the kill; nothing in the store catches it. */
    private static final class Killed extends Error {
        private static final long serialVersionUID = 1;
    }

    private static Status write(SteppedStore store, int block, int value) {
        return store.run(SectorRequest.data(Operation.WRITE, block * 8L, 8, value, 0));
    }

    private static Status flush(SteppedStore store) {
        return store.run(SectorRequest.of(Operation.FLUSH, 0, 0, 0));
    }

    private static int read(SteppedStore store, int block) {
        Status[] status = new Status[1];
        int[] sectors = store.read(block, status);
        assertThat(status[0]).isEqualTo(Status.OK);
        assertThat(sectors).containsOnly(sectors[0]);
        return sectors[0];
    }

    /** Starts a process that is killed where it calls the file system so, and returns what the next one finds. */
    private RecordingStorageIo killAt(Call killing, String name, Consumer<SteppedStore> work) throws StoreException {
        FaultyStorageIo faulty = new FaultyStorageIo(io);
        SteppedStore store = new SteppedStore(faulty, new Random(1));
        faulty.setPlan((call, path) -> {
            if (call == killing && path.endsWith(name)) {
                throw new Killed();
            }
            return FaultyStorageIo.PASS;
        });
        assertThatThrownBy(() -> work.accept(store)).isInstanceOf(Killed.class);
        return io.killedAt(io.position());
    }

    /** Lets the power fail now, and looks at each of many disks that this may leave. */
    private static void losePower(RecordingStorageIo io, Consumer<SteppedStore> check) throws StoreException {
        CrashedDisk crashed = new CrashedDisk(io, io.position(), PAGE_BYTES);
        Random random = new Random(1);
        for (int i = 0; i < DISKS; i++) {
            RecordingStorageIo left =
                    new RecordingStorageIo(i == 0 ? crashed.build(options -> 0) : crashed.build(random::nextInt));
            SteppedStore store = new SteppedStore(left, random);
            check.accept(store);
            store.close();
            assertThat(new StoreCheck(SteppedStore.ROOT, left, (v, d, t) -> {})
                            .run()
                            .findings())
                    .isEmpty();
        }
    }

    @Test
    void shouldNotLetAMarkProtectWritesThatIsInThePageCacheOnly() throws StoreException {
        RecordingStorageIo found = killAt(Call.SYNC, "intents", store -> write(store, 0, 1));
        SteppedStore second = new SteppedStore(found, new Random(2));
        assertThat(write(second, 0, 2)).isEqualTo(Status.OK);
        assertThat(flush(second)).isEqualTo(Status.OK);
        assertThat(write(second, 0, 3)).isEqualTo(Status.OK);
        losePower(found, store -> assertThat(read(store, 0)).isIn(2, 3));
    }

    @Test
    void shouldNotFlushIntoAnExtentWhoseNameIsInThePageCacheOnly() throws StoreException {
        RecordingStorageIo found =
                killAt(Call.SYNC_FOLDER, SteppedStore.VOLUME.toString(), store -> write(store, 0, 1));
        SteppedStore second = new SteppedStore(found, new Random(2));
        assertThat(write(second, 0, 2)).isEqualTo(Status.OK);
        assertThat(flush(second)).isEqualTo(Status.OK);
        losePower(found, store -> assertThat(read(store, 0)).isEqualTo(2));
    }

    @Test
    void shouldNotServeASizeThatIsInThePageCacheOnly() throws StoreException {
        long size = (SteppedStore.BLOCKS + 4) * 4096L;
        RecordingStorageIo found = killAt(Call.SYNC, "volume", store -> {
            try {
                store.volume().resize(size);
            } catch (StoreException e) {
                throw new AssertionError(e);
            }
        });
        SteppedStore second = new SteppedStore(found, new Random(2));
        assertThat(second.volume().geometry().sizeBytes()).isEqualTo(size);
        assertThat(write(second, SteppedStore.BLOCKS, 2)).isEqualTo(Status.OK);
        assertThat(flush(second)).isEqualTo(Status.OK);
        losePower(found, store -> {
            assertThat(store.volume().geometry().sizeBytes()).isEqualTo(size);
            assertThat(read(store, SteppedStore.BLOCKS)).isEqualTo(2);
        });
    }

    @Test
    void shouldNotGoByAVolumeWhoseNameIsInThePageCacheOnly() throws StoreException {
        UUID other = new UUID(7, 8);
        RecordingStorageIo found = killAt(Call.SYNC_FOLDER, "volumes", store -> {
            try {
                store.folder().createVolume(other, new BlockGeometry(1 << 20, 512, false), SteppedStore.SHAPE);
            } catch (StoreException e) {
                throw new AssertionError(e);
            }
        });
        SteppedStore second = new SteppedStore(found, new Random(2));
        assertThat(second.folder().volumes()).contains(other);
        losePower(found, store -> {
            try {
                assertThat(store.folder().volumes()).contains(other);
            } catch (StoreException e) {
                throw new AssertionError(e);
            }
        });
    }

    @Test
    void shouldNotGoByACatalogueThatIsInThePageCacheOnly() throws StoreException {
        FaultyStorageIo faulty = new FaultyStorageIo(io);
        VolumeCatalogue catalogue = openCatalogue(faulty);
        faulty.setPlan((call, path) -> {
            if (call == Call.SYNC_FOLDER) {
                throw new Killed();
            }
            return FaultyStorageIo.PASS;
        });
        assertThatThrownBy(() -> catalogue.beginCreate("a", 4096, 512)).isInstanceOf(Killed.class);
        RecordingStorageIo found = io.killedAt(io.position());
        SteppedStore second = new SteppedStore(found, new Random(2));
        assertThat(openCatalogue(found).volumes()).hasSize(1);
        assertThat(flush(second)).isEqualTo(Status.OK);
        CrashedDisk crashed = new CrashedDisk(found, found.position(), PAGE_BYTES);
        RecordingStorageIo left = new RecordingStorageIo(crashed.build(options -> 0));
        assertThat(openCatalogue(left).volumes()).hasSize(1);
    }

    private static VolumeCatalogue openCatalogue(StorageIo disk) throws StoreException {
        return VolumeCatalogue.open(SteppedStore.ROOT, disk, Clock.SYSTEM, new Random(1)::nextLong);
    }

    /** One sync fails, and nothing can be written down about it; the next process flushes, whatever the pool does first. */
    private void failSync(String namePart, long seed) throws StoreException {
        RecordingStorageIo failing = new RecordingStorageIo(SteppedStore.emptyDisk());
        SteppedStore first = new SteppedStore(failing, new Random(seed));
        assertThat(write(first, 0, 1)).isEqualTo(Status.OK);
        assertThat(write(first, 5, 1)).isEqualTo(Status.OK);
        assertThat(flush(first)).isEqualTo(Status.OK);
        assertThat(write(first, 0, 2)).isEqualTo(Status.OK);
        assertThat(write(first, 5, 2)).isEqualTo(Status.OK);
        failing.setFailingSyncs(path -> path.toString().contains(namePart) || path.endsWith("volume"));
        assertThat(flush(first)).isEqualTo(Status.IO_ERROR);
        RecordingStorageIo found = failing.killedAt(failing.position());
        SteppedStore second = new SteppedStore(found, new Random(seed));
        assertThat(flush(second)).isEqualTo(Status.OK);
        RecordingStorageIo flushed = found.killedAt(found.position());
        int there = read(second, 0);
        losePower(flushed, store -> {
            assertThat(read(store, 0)).as("seed %d", seed).isEqualTo(there);
            assertThat(read(store, 5)).as("seed %d", seed).isEqualTo(2);
        });
    }

    @Test
    void shouldMakeDurableWhatAFailedSyncOfDataHasLost() throws StoreException {
        for (long seed = 1; seed <= SEEDS; seed++) {
            failSync(".data", seed);
        }
    }

    @Test
    void shouldMakeDurableWhatAFailedSyncOfABlockMapHasLost() throws StoreException {
        for (long seed = 1; seed <= SEEDS; seed++) {
            failSync(".meta", seed);
        }
    }

    @Test
    void shouldMakeMarksDurableWhoseSyncHasFailed() throws StoreException {
        SteppedStore first = new SteppedStore(io, new Random(1));
        assertThat(write(first, 0, 1)).isEqualTo(Status.OK);
        io.setFailingSyncs(path -> path.endsWith("intents"));
        assertThat(write(first, 5, 1)).isEqualTo(Status.IO_ERROR);
        RecordingStorageIo found = io.killedAt(io.position());
        SteppedStore second = new SteppedStore(found, new Random(2));
        assertThat(write(second, 5, 2)).isEqualTo(Status.OK);
        losePower(found, store -> {
            assertThat(read(store, 0)).isIn(0, 1);
            assertThat(read(store, 5)).isIn(0, 2);
        });
    }

    /** Loses power after a write whose data may be on the disk and its entry not; returns what the next process finds. */
    private static RecordingStorageIo loseAnEntry(boolean firstOfRegion, Random random) throws StoreException {
        RecordingStorageIo first = new RecordingStorageIo(SteppedStore.emptyDisk());
        SteppedStore store = new SteppedStore(first, random);
        if (!firstOfRegion) {
            assertThat(write(store, 0, 1)).isEqualTo(Status.OK);
            assertThat(flush(store)).isEqualTo(Status.OK);
        }
        assertThat(write(store, 1, 10)).isEqualTo(Status.OK);
        return new RecordingStorageIo(new CrashedDisk(first, first.position(), PAGE_BYTES).build(random::nextInt));
    }

    @Test
    void shouldNotBringBackBytesThatHadNoEntryWhenTheNextEntryLosesItsData() throws StoreException {
        Random random = new Random(3);
        for (int i = 0; i < 2 * SEEDS; i++) {
            RecordingStorageIo found = loseAnEntry(i % 2 == 0, random);
            SteppedStore second = new SteppedStore(found, random);
            int there = read(second, 1);
            assertThat(write(second, 1, 20)).isEqualTo(Status.OK);
            losePower(found, store -> assertThat(read(store, 1)).isIn(there, 20));
        }
    }

    @Test
    void shouldNotBringBackBytesFromBeforeADurableZeroOfABlockThatWasZeroAlready() throws StoreException {
        for (Operation zeroing : List.of(Operation.WRITE_ZEROES, Operation.DISCARD)) {
            RecordingStorageIo disk = new RecordingStorageIo(SteppedStore.emptyDisk());
            SteppedStore store = new SteppedStore(disk, new Random(5));
            assertThat(write(store, 1, 10)).isEqualTo(Status.OK);
            assertThat(flush(store)).isEqualTo(Status.OK);
            assertThat(store.run(SectorRequest.of(Operation.DISCARD, 8, 8, 0))).isEqualTo(Status.OK);
            assertThat(store.run(SectorRequest.of(zeroing, 8, 8, BlockRequest.FUA)))
                    .isEqualTo(Status.OK);
            assertThat(write(store, 1, 20)).isEqualTo(Status.OK);
            losePower(disk, left -> assertThat(read(left, 1)).as("%s", zeroing).isIn(0, 20));
        }
    }

    @Test
    void shouldNotBringBackBytesThatHadNoEntryWhenKilledWhileTheyAreRemoved() throws StoreException {
        Random random = new Random(4);
        for (int i = 0; i < SEEDS; i++) {
            RecordingStorageIo found = loseAnEntry(i % 2 == 0, random);
            int start = found.position();
            SteppedStore second = new SteppedStore(found, random);
            int there = read(second, 1);
            RecordingStorageIo foundAgain = found.killedAt(start + random.nextInt(found.position() - start + 1));
            SteppedStore third = new SteppedStore(foundAgain, random);
            assertThat(read(third, 1)).isEqualTo(there);
            assertThat(write(third, 1, 20)).isEqualTo(Status.OK);
            losePower(foundAgain, store -> assertThat(read(store, 1)).isIn(there, 20));
        }
    }
}
