package io.ashlar.store.crash;

import static org.assertj.core.api.Assertions.assertThat;

import io.ashlar.base.block.Operation;
import io.ashlar.base.status.Status;
import io.ashlar.store.StoreCheck;
import io.ashlar.store.file.CrashedDisk;
import io.ashlar.store.file.RecordingStorageIo;
import io.ashlar.store.file.StoreException;
import java.util.Random;

/** Opens the store on a crashed disk and checks every promise: values, the offline check, that writing goes on. */
final class CrashCheck {
    private final BlockModel model;
    private final int crashedAt;
    private final Random random;
    private final Loss loss;
    private int tornBlocks;

    CrashCheck(BlockModel model, int crashedAt, Random random, Loss loss) {
        this.model = model;
        this.crashedAt = crashedAt;
        this.random = random;
        this.loss = loss;
    }

    /** What the crash did. */
    enum Loss {
        /** The process was killed: nothing is lost, so no block may be torn either. */
        NOTHING(4096),
        /** Power loss, on a disk that writes pages whole: no block may be a mix. */
        PAGES(4096),
        /** Power loss, on a disk that writes sectors whole: a block counted as torn may be a mix of sectors. */
        SECTORS(512);

        final int pieceBytes;

        Loss(int pieceBytes) {
            this.pieceBytes = pieceBytes;
        }
    }

    int tornBlocks() {
        return tornBlocks;
    }

    /** Checks one disk; with {@code again}, also what a second crash during recovery leaves. */
    void check(RecordingStorageIo.Disk disk, boolean again) throws StoreException {
        RecordingStorageIo io = new RecordingStorageIo(disk);
        SteppedStore store = new SteppedStore(io, random);
        store.drain();
        int recovered = io.position();
        assertThat(store.volume().isRecovered()).isTrue();
        tornBlocks = store.folder().counters().tornBlocks().intValue();
        if (loss == Loss.NOTHING) {
            assertThat(tornBlocks).as("blocks torn by a mere kill").isZero();
        }
        checkValues(store);
        goOn(store);
        store.close();
        assertThat(store.folder().counters().corruptBlocks().intValue()).isZero();
        StoreCheck.Report report = new StoreCheck(SteppedStore.ROOT, io, (v, d, t) -> {}).run();
        assertThat(report.findings()).isEmpty();
        assertThat(report.regionsToSettle()).isZero();
        if (again) {
            Loss second = loss == Loss.NOTHING ? Loss.PAGES : loss;
            CrashedDisk crashed = new CrashedDisk(io, random.nextInt(recovered + 1), second.pieceBytes);
            // Pages that the first process left in the cache are durable here: a second machine crash is the first
            // one's.
            new CrashCheck(model, crashedAt, random, second).check(crashed.build(random::nextInt), false);
        }
    }

    private void checkValues(SteppedStore store) {
        Status[] status = new Status[1];
        for (int block = 0; block < SteppedStore.BLOCKS; block++) {
            int[] found = store.read(block, status);
            assertThat(status[0]).as("reading block %d after the crash", block).isEqualTo(Status.OK);
            String problem = model.judge(block, found, crashedAt, loss == Loss.SECTORS);
            assertThat(problem).isNull();
        }
    }

    private void goOn(SteppedStore store) {
        Status[] status = new Status[1];
        for (int i = 0; i < 4; i++) {
            int block = random.nextInt(SteppedStore.BLOCKS);
            long sector = (long) block * BlockModel.SECTORS;
            int value = 1_000_000 + i;
            assertThat(store.run(SectorRequest.data(Operation.WRITE, sector, 1 + random.nextInt(8), value, 0)))
                    .isEqualTo(Status.OK);
            assertThat(store.read(block, status)[0]).isEqualTo(value);
        }
        assertThat(store.run(SectorRequest.of(Operation.FLUSH, 0, 0, 0))).isEqualTo(Status.OK);
    }
}
