package io.ashlar.store.crash;

import static org.assertj.core.api.Assertions.assertThat;

import io.ashlar.base.block.Operation;
import io.ashlar.base.status.Status;
import io.ashlar.store.file.FaultyStorageIo;
import io.ashlar.store.file.RecordingStorageIo;
import io.ashlar.store.file.StoreException;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** What becomes of the marks of regions that nobody writes to any more. */
class IdleMarksTest {
    private static final int REGION_SECTORS = SteppedStore.SHAPE.regionBlocks() * BlockModel.SECTORS;

    private final RecordingStorageIo io = new RecordingStorageIo(SteppedStore.emptyDisk());

    private static Status write(SteppedStore store, int region, int value) {
        return store.run(SectorRequest.data(Operation.WRITE, (long) region * REGION_SECTORS, 8, value, 0));
    }

    /** Returns how many regions a start has to settle after a kill at this moment. */
    private static int regionsToSettle(RecordingStorageIo.Disk disk) throws StoreException {
        SteppedStore again = new SteppedStore(new RecordingStorageIo(disk), new Random(2));
        again.drain();
        int regions = again.folder().counters().regionsRecovered().intValue();
        again.close();
        return regions;
    }

    private static void rest(SteppedStore store, int seconds) {
        for (int i = 0; i < seconds; i += 5) {
            store.advanceSeconds(5);
            store.drain();
        }
    }

    @Test
    void shouldSettleOnlyWhatWasWrittenLatelyWhenKilled() throws Exception {
        SteppedStore store = new SteppedStore(io, new Random(1));
        assertThat(write(store, 0, 1)).isEqualTo(Status.OK);
        assertThat(write(store, 3, 2)).isEqualTo(Status.OK);
        rest(store, 25);
        assertThat(regionsToSettle(io.now())).as("before they count as idle").isEqualTo(2);
        for (int i = 0; i < 4; i++) {
            assertThat(write(store, 3, 10 + i)).isEqualTo(Status.OK);
            rest(store, 10);
        }
        assertThat(regionsToSettle(io.now()))
                .as("one of them is still being written")
                .isEqualTo(1);
        rest(store, 50);
        assertThat(regionsToSettle(io.now())).isZero();
        Status[] status = new Status[1];
        assertThat(store.read(0, status)).containsOnly(1);
        assertThat(write(store, 0, 20)).isEqualTo(Status.OK);
        assertThat(regionsToSettle(io.now())).as("a new write marks anew").isEqualTo(1);
        store.close();
    }

    @Test
    void shouldClearWhatACrashLeftMarkedOnceItIsSettled() throws Exception {
        SteppedStore store = new SteppedStore(io, new Random(1));
        assertThat(write(store, 1, 1)).isEqualTo(Status.OK);
        RecordingStorageIo disk = new RecordingStorageIo(io.now());
        SteppedStore again = new SteppedStore(disk, new Random(2));
        rest(again, 50);
        assertThat(regionsToSettle(disk.now())).isZero();
        again.close();
        store.close();
    }

    @Test
    void shouldWakeNobodyWhenNothingIsMarked() throws Exception {
        SteppedStore store = new SteppedStore(io, new Random(1));
        assertThat(store.timersSet()).as("nothing was written yet").isZero();
        assertThat(write(store, 0, 1)).isEqualTo(Status.OK);
        rest(store, 60);
        int before = store.timersSet();
        rest(store, 3600);
        assertThat(store.timersSet()).isEqualTo(before);
        for (int i = 0; i < 60; i++) {
            assertThat(write(store, 0, 1)).isEqualTo(Status.OK);
            rest(store, 10);
        }
        assertThat(store.timersSet() - before).as("wake-ups in ten minutes").isBetween(50, 70);
        store.close();
        int atClose = store.timersSet();
        int changes = io.position();
        store.advanceSeconds(600);
        store.drain();
        assertThat(store.timersSet()).isEqualTo(atClose);
        assertThat(io.position()).as("changes to the disk after closing").isEqualTo(changes);
    }

    @Test
    void shouldComeToRestWhenEveryMarkBelongsToAFailedExtent() throws Exception {
        FaultyStorageIo faulty = new FaultyStorageIo(io);
        SteppedStore store = new SteppedStore(faulty, new Random(1));
        for (int region = 0; region < 5; region++) {
            assertThat(write(store, region, 1)).isEqualTo(Status.OK);
        }
        faulty.setPlan((call, path) ->
                call == FaultyStorageIo.Call.SYNC && path.toString().contains(".data") ? -5 : FaultyStorageIo.PASS);
        for (int region = 0; region < 5; region++) {
            write(store, region, 2);
        }
        assertThat(write(store, 0, 3)).isEqualTo(Status.IO_ERROR);
        assertThat(store.volume().isFailed()).isTrue();
        store.drain();
        assertThat(store.isIdle()).isTrue();
    }

    @Test
    void shouldComeToRestWhenTheIntentsHaveFailedAndALookIsDue() throws Exception {
        FaultyStorageIo faulty = new FaultyStorageIo(io);
        SteppedStore store = new SteppedStore(faulty, new Random(1));
        assertThat(write(store, 0, 1)).isEqualTo(Status.OK);
        faulty.setPlan((call, path) ->
                call == FaultyStorageIo.Call.SYNC && path.toString().contains("intents") ? -5 : FaultyStorageIo.PASS);
        assertThat(write(store, 1, 2)).isEqualTo(Status.IO_ERROR);
        rest(store, 30);
        assertThat(store.isIdle()).isTrue();
    }
}
