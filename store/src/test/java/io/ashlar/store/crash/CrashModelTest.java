package io.ashlar.store.crash;

import static org.assertj.core.api.Assertions.assertThat;

import io.ashlar.base.seed.TestSeed;
import io.ashlar.store.crash.CrashCheck.Loss;
import io.ashlar.store.file.CrashedDisk;
import io.ashlar.store.file.FaultyStorageIo;
import io.ashlar.store.file.RecordingStorageIo;
import io.ashlar.store.file.StorageIo;
import io.ashlar.store.file.StoreException;
import java.util.Random;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * Crashes everywhere: after any crash a block reads as the last flushed value or as one written whole after it, never as
 * an error, never as anything else. Repeat a failure with the {@code -Dashlar.seed=SEED} of its message.
 */
class CrashModelTest {
    private static final int FURTHER_LIVES_MAX = 2;
    private static final int DISKS_PER_POSITION_MAX = 24;

    private static void runSeed(long seed, UnaryOperator<StorageIo> sabotage) {
        try {
            Random random = new Random(seed);
            History history = new History(random, sabotage);
            history.run(4 + random.nextInt(40));
            for (int i = 0; i < 3; i++) {
                int position = random.nextInt(history.io().position() + 1);
                Loss loss = Loss.any(random);
                new CrashCheck(history.model(), position, random, loss)
                        .check(loss.crash(history.io(), position, random), random.nextInt(FURTHER_LIVES_MAX + 1));
            }
        } catch (AssertionError | RuntimeException | StoreException e) {
            throw new AssertionError("-Dashlar.seed=" + seed + ": " + e.getMessage(), e);
        }
    }

    private static void runSeeds(long first, int count) {
        Long only = Long.getLong("ashlar.seed");
        if (only != null) {
            runSeed(only, io -> io);
            return;
        }
        for (long seed = first; seed < first + count; seed++) {
            runSeed(seed, io -> io);
        }
    }

    @Test
    void shouldKeepItsPromisesWhenCrashedAnywhereInRandomHistories() {
        runSeeds(1, 500);
        runSeeds(TestSeed.get(), 200);
    }

    @Test
    @Tag("slow")
    void shouldKeepItsPromisesWhenCrashedAnywhereInTenThousandHistories() {
        runSeeds(10_000, 10_000);
    }

    @Test
    void shouldKeepItsPromisesAtEveryPositionWhenHistoriesAreShort() throws StoreException {
        int disks = 0;
        for (long seed = 1; seed <= 6; seed++) {
            History history = new History(new Random(seed), io -> io);
            history.run(5);
            for (int position = 0; position <= history.io().position(); position++) {
                for (Loss loss : Loss.values()) {
                    disks += checkAll(history, position, loss, seed);
                }
            }
        }
        assertThat(disks).isGreaterThan(1000);
    }

    private static int checkAll(History history, int position, Loss loss, long seed) throws StoreException {
        CrashedDisk crashed = new CrashedDisk(history.io(), position, loss.pieceBytes);
        int possibilities = loss == Loss.NOTHING ? 1 : crashed.possibilities();
        int disks = Math.min(possibilities, DISKS_PER_POSITION_MAX);
        Random random = new Random(seed * 31 + position);
        for (int i = 0; i < disks; i++) {
            int which = possibilities <= DISKS_PER_POSITION_MAX ? i : random.nextInt(possibilities);
            try {
                new CrashCheck(history.model(), position, new Random(seed), loss)
                        .check(
                                loss == Loss.NOTHING
                                        ? history.io().killedAt(position)
                                        : new RecordingStorageIo(crashed.possibility(which)),
                                loss == Loss.NOTHING ? 1 : 0);
            } catch (AssertionError | RuntimeException e) {
                throw new AssertionError(
                        "seed=" + seed + " position=" + position + " " + loss + " disk=" + which + ": "
                                + e.getMessage(),
                        e);
            }
        }
        return disks;
    }

    /** Runs seeds until the model notices the sabotage. */
    private static String firstComplaint(UnaryOperator<StorageIo> sabotage) {
        for (long seed = 1; seed <= 300; seed++) {
            try {
                runSeed(seed, sabotage);
            } catch (AssertionError e) {
                return e.getMessage();
            }
        }
        return null;
    }

    private static UnaryOperator<StorageIo> skipping(FaultyStorageIo.Call call, String namePart) {
        return below -> {
            FaultyStorageIo io = new FaultyStorageIo(below);
            io.setPlan((called, path) ->
                    called == call && path.toString().contains(namePart) ? FaultyStorageIo.SKIP : FaultyStorageIo.PASS);
            return io;
        };
    }

    @Test
    void shouldBeCaughtWhenIntentsAreNotWritten() {
        assertThat(firstComplaint(skipping(FaultyStorageIo.Call.WRITE, "intents")))
                .contains("CORRUPT");
    }

    @Test
    void shouldBeCaughtWhenIntentsAreNotSynced() {
        assertThat(firstComplaint(skipping(FaultyStorageIo.Call.SYNC, "intents")))
                .contains("CORRUPT");
    }

    @Test
    void shouldBeCaughtWhenDataIsNotSynced() {
        assertThat(firstComplaint(skipping(FaultyStorageIo.Call.SYNC, ".data"))).isNotNull();
    }

    @Test
    void shouldBeCaughtWhenBlockMapsAreNotSynced() {
        assertThat(firstComplaint(skipping(FaultyStorageIo.Call.SYNC, ".meta"))).isNotNull();
    }

    @Test
    void shouldBeCaughtWhenFoldersAreNotSynced() {
        assertThat(firstComplaint(skipping(FaultyStorageIo.Call.SYNC_FOLDER, "")))
                .isNotNull();
    }

    @Test
    void shouldBeCaughtWhenThePreviousChecksumIsLeftOut() {
        assertThat(firstComplaint(ForgetfulStorageIo::new)).contains("torn by a mere kill");
    }
}
