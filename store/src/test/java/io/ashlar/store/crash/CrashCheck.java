package io.ashlar.store.crash;

import static org.assertj.core.api.Assertions.assertThat;

import io.ashlar.base.block.Operation;
import io.ashlar.base.status.Status;
import io.ashlar.store.StoreCheck;
import io.ashlar.store.file.CrashedDisk;
import io.ashlar.store.file.RecordingStorageIo;
import io.ashlar.store.file.StoreException;
import java.util.List;
import java.util.Random;

/**
 * Opens the store on what a crash has left and checks every promise: values, the offline check, that writing goes on; and,
 * in further lives, that a crash in the middle of that leaves what it may leave.
 */
final class CrashCheck {
    /** A life's own values start at a multiple of this. */
    private static final int VALUES = 10_000;

    private final BlockModel model;
    private final int crashedAt;
    private final Random random;
    private final Loss loss;
    private final boolean mayHaveTorn;

    /** Checks what the model allows after a crash at this position. */
    CrashCheck(BlockModel model, int crashedAt, Random random, Loss loss) {
        this(model, crashedAt, random, loss, loss != Loss.NOTHING);
    }

    private CrashCheck(BlockModel model, int crashedAt, Random random, Loss loss, boolean mayHaveTorn) {
        this.model = model;
        this.crashedAt = crashedAt;
        this.random = random;
        this.loss = loss;
        this.mayHaveTorn = mayHaveTorn;
    }

    /** What a crash does. */
    enum Loss {
        /** The process is killed: nothing is lost, so no block may be torn either. */
        NOTHING(4096),
        /** Power loss, on a disk that writes pages whole: no block may be a mix. */
        PAGES(4096),
        /** Power loss, on a disk that writes sectors whole: a block counted as torn may be a mix of sectors. */
        SECTORS(512);

        private static final List<Loss> ALL = List.of(values());

        final int pieceBytes;

        Loss(int pieceBytes) {
            this.pieceBytes = pieceBytes;
        }

        static Loss any(Random random) {
            return ALL.get(random.nextInt(ALL.size()));
        }

        /** Returns what the next process finds, after a crash behind a change. */
        RecordingStorageIo crash(RecordingStorageIo io, int position, Random random) {
            return this == NOTHING
                    ? io.killedAt(position)
                    : new RecordingStorageIo(new CrashedDisk(io, position, pieceBytes).build(random::nextInt));
        }
    }

    /** Checks what the crash has left, and what crashes in so many further lives leave. */
    void check(RecordingStorageIo io, int furtherLives) throws StoreException {
        int start = io.position();
        SteppedStore store = new SteppedStore(io, random);
        int[] flushedAt = {Integer.MAX_VALUE};
        if (random.nextBoolean()) { // beside the recovery
            store.submit(SectorRequest.of(Operation.FLUSH, 0, 0, 0).onEnd(ended -> flushedAt[0] = io.position()));
        }
        store.drain();
        int recovered = io.position();
        assertThat(store.volume().isRecovered()).isTrue();
        if (!mayHaveTorn) {
            assertThat(store.folder().counters().tornBlocks().sum())
                    .as("blocks torn by a mere kill")
                    .isZero();
        }
        int[][] found = checkValues(store);
        if (furtherLives == 0) {
            goOn(store);
            stop(store, io);
            return;
        }
        BlockModel next = model.goOn(found, crashedAt, loss == Loss.NOTHING);
        for (int block = 0; block < found.length; block++) {
            next.durable(block, next.latestIndex(block), flushedAt[0]);
        }
        new History(random, io, store, next, furtherLives * VALUES).run(2 + random.nextInt(16));
        int end = random.nextInt(3) == 0 ? recovered : io.position();
        int position = start + random.nextInt(end - start + 1);
        Loss nextLoss = Loss.any(random);
        boolean nextMayHaveTorn = nextLoss != Loss.NOTHING || (mayHaveTorn && position < recovered);
        new CrashCheck(next, position, random, nextLoss, nextMayHaveTorn)
                .check(nextLoss.crash(io, position, random), furtherLives - 1);
    }

    private int[][] checkValues(SteppedStore store) {
        int[][] all = new int[SteppedStore.BLOCKS][];
        Status[] status = new Status[1];
        for (int block = 0; block < SteppedStore.BLOCKS; block++) {
            all[block] = store.read(block, status);
            assertThat(status[0]).as("reading block %d after the crash", block).isEqualTo(Status.OK);
            String problem = model.judge(block, all[block], crashedAt, loss == Loss.SECTORS);
            assertThat(problem).isNull();
        }
        return all;
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

    private static void stop(SteppedStore store, RecordingStorageIo io) throws StoreException {
        store.close();
        assertThat(store.folder().counters().corruptBlocks().intValue()).isZero();
        StoreCheck.Report report = new StoreCheck(SteppedStore.ROOT, io, (v, d, t) -> {}).run();
        assertThat(report.findings()).isEmpty();
        assertThat(report.regionsToSettle()).isZero();
    }
}
