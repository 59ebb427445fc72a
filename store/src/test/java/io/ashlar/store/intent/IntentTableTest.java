package io.ashlar.store.intent;

import static org.assertj.core.api.Assertions.assertThat;

import io.ashlar.store.extent.Extent;
import io.ashlar.store.extent.ExtentResources;
import io.ashlar.store.extent.ExtentTable;
import io.ashlar.store.extent.MapCache;
import io.ashlar.store.file.CachedReads;
import io.ashlar.store.file.RecordingStorageIo;
import io.ashlar.store.file.StorageIo;
import io.ashlar.store.file.StoreException;
import io.ashlar.store.format.ExtentShape;
import io.ashlar.store.latch.RangeLatch;
import io.ashlar.store.meter.StoreCounters;
import java.nio.file.Path;
import java.util.UUID;
import org.junit.jupiter.api.Test;

/** Which marks are cleared when slots run short, after the table has worked for months. */
class IntentTableTest {
    private static final Path FOLDER = Path.of("/volume");
    private static final int SLOTS = 4;

    private final StoreCounters counters = new StoreCounters();

    /** Marks regions one after another, each in a batch of its own; the first one is written again before the last. */
    private Extent markAll(long firstTick) throws StoreException {
        RecordingStorageIo io = new RecordingStorageIo();
        io.createFolder(FOLDER);
        ExtentShape shape = new ExtentShape(4, SLOTS);
        RangeLatch latch = new RangeLatch(shape.regionBlocks());
        ExtentResources resources = new ExtentResources(
                Runnable::run,
                new CachedReads(true),
                new MapCache(SLOTS, latch, Runnable::run),
                counters,
                what -> assertThat(what).as("a failure").isNull());
        Extent extent =
                new ExtentTable(io, FOLDER, new UUID(1, 2), shape, shape.extentBytes(), resources).openOrCreate(0);
        IntentFile file = new IntentFile(io.open(FOLDER.resolve("intents"), StorageIo.Mode.CREATE), SLOTS);
        file.create();
        IntentTable table =
                new IntentTable(file, SLOTS, latch, Runnable::run, counters, (task, delayNs) -> {}, firstTick);
        for (int region = 0; region < SLOTS; region++) {
            if (region == SLOTS - 1) {
                extent.noteWrite(0, table.tick());
            }
            table.mark(extent, region, done -> assertThat(done).isTrue());
        }
        return extent;
    }

    @Test
    void shouldClearTheOldestMarkHoweverManyBatchesThereWere() throws StoreException {
        for (long first : new long[] {0, Integer.MAX_VALUE - 2, Integer.MAX_VALUE, 1L << 32, 1L << 50}) {
            Extent extent = markAll(first);
            for (int region = 0; region < SLOTS; region++) {
                assertThat(extent.isMarked(region))
                        .as("region %d, from batch %d on", region, first)
                        .isEqualTo(region != 1);
            }
        }
    }
}
