package io.ashlar.store.crash;

import static org.assertj.core.api.Assertions.assertThat;

import io.ashlar.base.block.Operation;
import io.ashlar.base.status.Status;
import io.ashlar.base.sys.Errno;
import io.ashlar.store.StoreCheck;
import io.ashlar.store.file.FaultyStorageIo;
import io.ashlar.store.file.FaultyStorageIo.Call;
import io.ashlar.store.file.RecordingStorageIo;
import io.ashlar.store.file.StoreException;
import io.ashlar.store.format.VolumeHeader;
import java.nio.file.Path;
import java.util.Random;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * A table of write intents of which a part can't be read: nobody knows what it marks, so nothing may be written. Nor where
 * the volume's header or folder, though readable, can't be made durable.
 */
class LostIntentsTest {
    private static final Path FOLDER = SteppedStore.ROOT.resolve("volumes").resolve(SteppedStore.VOLUME.toString());
    private static final Path INTENTS = FOLDER.resolve("intents");
    /** Where the second copy of a table of one sector is. */
    private static final int SECOND_COPY = 4096;

    private final RecordingStorageIo io = new RecordingStorageIo(SteppedStore.emptyDisk());
    private RecordingStorageIo found;

    private static Status write(SteppedStore store, int value) {
        return store.run(SectorRequest.data(Operation.WRITE, 0, 8, value, 0));
    }

    private static Status flush(SteppedStore store) {
        return store.run(SectorRequest.of(Operation.FLUSH, 0, 0, 0));
    }

    private static void expectOnlyReads(SteppedStore store) {
        assertThat(flush(store)).isEqualTo(Status.IO_ERROR);
        assertThat(write(store, 2)).isEqualTo(Status.IO_ERROR);
        assertThat(flush(store)).isEqualTo(Status.IO_ERROR);
        assertThat(store.volume().isFailed()).isTrue();
        Status[] status = new Status[1];
        assertThat(store.read(0, status)).containsOnly(1);
        assertThat(status[0]).isEqualTo(Status.OK);
        store.close();
    }

    @BeforeEach
    void writeAndKill() throws StoreException {
        SteppedStore store = new SteppedStore(io, new Random(1));
        assertThat(write(store, 1)).isEqualTo(Status.OK);
        found = io.killedAt(io.position());
    }

    @Test
    void shouldOnlyReadAsLongAsACopyOfASectorCannotBeRead() throws StoreException {
        for (int failing = 0; failing < 2; failing++) {
            FaultyStorageIo faulty = new FaultyStorageIo(found);
            AtomicInteger reads = new AtomicInteger(-failing);
            faulty.setPlan((call, path) -> call == Call.READ && path.equals(INTENTS) && reads.getAndIncrement() == 0
                    ? -Errno.EIO
                    : FaultyStorageIo.PASS);
            expectOnlyReads(new SteppedStore(faulty, new Random(2)));
        }
        SteppedStore healed = new SteppedStore(found, new Random(3));
        assertThat(write(healed, 2)).isEqualTo(Status.OK);
        assertThat(flush(healed)).isEqualTo(Status.OK);
        healed.close();
        assertThat(new StoreCheck(SteppedStore.ROOT, found, (v, d, t) -> {})
                        .run()
                        .findings())
                .isEmpty();
    }

    private void expectOnlyReadsWhereItFails(Call failing, Path where) throws StoreException {
        FaultyStorageIo faulty = new FaultyStorageIo(found);
        faulty.setPlan((call, path) -> call == failing && path.equals(where) ? -Errno.EIO : FaultyStorageIo.PASS);
        expectOnlyReads(new SteppedStore(faulty, new Random(2)));
        SteppedStore healed = new SteppedStore(found, new Random(3));
        assertThat(write(healed, 2)).isEqualTo(Status.OK);
        assertThat(flush(healed)).isEqualTo(Status.OK);
        healed.close();
    }

    @Test
    void shouldOnlyReadWhenTheHeaderCannotBeWrittenAgain() throws StoreException {
        expectOnlyReadsWhereItFails(Call.WRITE, FOLDER.resolve(VolumeHeader.FILE));
    }

    @Test
    void shouldOnlyReadWhenTheHeaderCannotBeSynced() throws StoreException {
        expectOnlyReadsWhereItFails(Call.SYNC, FOLDER.resolve(VolumeHeader.FILE));
    }

    @Test
    void shouldOnlyReadWhenTheFolderCannotBeSynced() throws StoreException {
        expectOnlyReadsWhereItFails(Call.SYNC_FOLDER, FOLDER);
    }

    @Test
    void shouldOnlyReadWhenBothCopiesOfASectorAreDamaged() throws StoreException {
        found.liveBytes(INTENTS)[17] ^= 1;
        found.liveBytes(INTENTS)[SECOND_COPY + 17] ^= 1;
        expectOnlyReads(new SteppedStore(found, new Random(2)));
        assertThat(new StoreCheck(SteppedStore.ROOT, found, (v, d, t) -> {})
                        .run()
                        .findings())
                .isNotEmpty();
    }

    @Test
    void shouldGoOnWhenTheOlderCopyOfASectorIsDamaged() throws StoreException {
        // A new table has the sequences 1 and 2; the mark was the third change, and odd ones go into the second copy.
        found.liveBytes(INTENTS)[17] ^= 1;
        SteppedStore store = new SteppedStore(found, new Random(2));
        assertThat(write(store, 2)).isEqualTo(Status.OK);
        assertThat(flush(store)).isEqualTo(Status.OK);
        store.close();
    }
}
