package io.ashlar.store.crash;

import static org.assertj.core.api.Assertions.assertThat;

import io.ashlar.base.block.BlockRequest;
import io.ashlar.base.block.Operation;
import io.ashlar.base.status.Status;
import io.ashlar.store.file.RecordingStorageIo;
import io.ashlar.store.file.StorageIo;
import io.ashlar.store.file.StoreException;
import java.util.Random;
import java.util.function.UnaryOperator;

/**
 * A run of random requests against a tiny volume, several in flight at a time, with the model that knows what may be read.
 * Every read on the way is checked too: it must see exactly what was submitted before it.
 */
final class History {
    private static final int IN_FLIGHT_MAX = 5;

    private final Random random;
    private final RecordingStorageIo io;
    private final SteppedStore store;
    private final BlockModel model;
    private final int[] acknowledged = new int[SteppedStore.BLOCKS];
    private int inFlight;
    private int values;

    /** Starts one on an empty volume; {@code sabotage} may wrap the file system in one that lies. */
    History(Random random, UnaryOperator<StorageIo> sabotage) throws StoreException {
        this(random, sabotage, new RecordingStorageIo(SteppedStore.emptyDisk()));
    }

    private History(Random random, UnaryOperator<StorageIo> sabotage, RecordingStorageIo io) throws StoreException {
        this(random, io, new SteppedStore(sabotage.apply(io), random), new BlockModel(SteppedStore.BLOCKS), 0);
    }

    /** Goes on with an open volume, which holds what the model has as the latest; values are new from the first on. */
    History(Random random, RecordingStorageIo io, SteppedStore store, BlockModel model, int firstValue) {
        this.random = random;
        this.io = io;
        this.store = store;
        this.model = model;
        values = firstValue;
        for (int block = 0; block < acknowledged.length; block++) {
            acknowledged[block] = model.latestIndex(block);
        }
        io.setColdReads(length -> switch (random.nextInt(6)) {
            case 0 -> -1;
            case 1 -> random.nextInt((int) length);
            default -> length;
        });
    }

    RecordingStorageIo io() {
        return io;
    }

    BlockModel model() {
        return model;
    }

    /** Submits so many requests, and lets some of their work be done in between. */
    void run(int requests) {
        for (int i = 0; i < requests; ) {
            if (inFlight < IN_FLIGHT_MAX && random.nextInt(3) == 0) {
                submitOne();
                i++;
            } else {
                if (random.nextInt(12) == 0) {
                    store.advanceSeconds(10); // idle regions lose their marks
                }
                store.step();
                boolean isStuck = inFlight == IN_FLIGHT_MAX && store.isIdle() && inFlight == IN_FLIGHT_MAX;
                assertThat(isStuck).as("requests are stuck").isFalse();
            }
        }
        for (int i = random.nextInt(40); i > 0; i--) {
            store.step();
        }
    }

    private void submitOne() {
        inFlight++;
        switch (random.nextInt(12)) {
            case 0, 1, 2, 3, 4, 5 -> write();
            case 6, 7 -> read();
            case 8 -> zero(Operation.WRITE_ZEROES);
            case 9 -> zero(Operation.DISCARD);
            default -> flush();
        }
    }

    /** Chooses sectors inside one region; every other time whole blocks. */
    private long[] chooseRange() {
        int regionSectors = SteppedStore.SHAPE.regionBlocks() * BlockModel.SECTORS;
        int unit = random.nextBoolean() ? BlockModel.SECTORS : 1;
        int units = regionSectors / unit;
        int first = random.nextInt(units);
        int count = 1 + random.nextInt(Math.min(units - first, unit == 1 ? 12 : 3));
        int region = random.nextInt(SteppedStore.BLOCKS / SteppedStore.SHAPE.regionBlocks());
        return new long[] {(long) region * regionSectors + (long) first * unit, (long) count * unit};
    }

    private void write() {
        long[] range = chooseRange();
        int value = ++values;
        int flags = random.nextInt(6) == 0 ? BlockRequest.FUA : 0;
        model.change(range[0], (int) range[1], value, io.position());
        submitChange(SectorRequest.data(Operation.WRITE, range[0], (int) range[1], value, flags));
    }

    private void zero(Operation operation) {
        long[] range = chooseRange();
        int flags = (random.nextBoolean() ? BlockRequest.UNMAP : 0) | (random.nextInt(4) == 0 ? BlockRequest.FUA : 0);
        long first = range[0];
        int count = (int) range[1];
        if (operation == Operation.DISCARD) {
            long end = (first + count) / BlockModel.SECTORS * BlockModel.SECTORS;
            long start = (first + BlockModel.SECTORS - 1) / BlockModel.SECTORS * BlockModel.SECTORS;
            if (start < end) {
                model.change(start, (int) (end - start), 0, io.position());
            }
        } else {
            model.change(first, count, 0, io.position());
        }
        submitChange(SectorRequest.of(operation, first, count, flags));
    }

    /** Submits a change; when it ends, the versions that it made are acknowledged, and durable if it was FUA. */
    private void submitChange(SectorRequest request) {
        int firstBlock = (int) (request.offsetBytes() / 4096);
        int lastBlock = (int) ((request.endBytes() - 1) / 4096);
        int[] made = new int[lastBlock - firstBlock + 1];
        for (int i = 0; i < made.length; i++) {
            made[i] = model.latestIndex(firstBlock + i);
        }
        boolean wholeBlocksOnly = request.operation() == Operation.DISCARD;
        store.submit(request.onEnd(ended -> {
            inFlight--;
            assertThat(ended.status()).isEqualTo(Status.OK);
            for (int i = 0; i < made.length; i++) {
                int block = firstBlock + i;
                boolean isTouched = !wholeBlocksOnly
                        || (ended.offsetBytes() <= block * 4096L && ended.endBytes() >= (block + 1) * 4096L);
                if (isTouched) {
                    acknowledged[block] = Math.max(acknowledged[block], made[i]);
                    if (ended.has(BlockRequest.FUA)) {
                        model.durable(block, made[i], io.position());
                    }
                }
            }
        }));
    }

    private void flush() {
        int[] covered = acknowledged.clone();
        store.submit(SectorRequest.of(Operation.FLUSH, 0, 0, 0).onEnd(ended -> {
            inFlight--;
            assertThat(ended.status()).isEqualTo(Status.OK);
            for (int block = 0; block < covered.length; block++) {
                model.durable(block, covered[block], io.position());
            }
        }));
    }

    private void read() {
        long[] range = chooseRange();
        int[] expected = new int[(int) range[1]];
        for (int i = 0; i < expected.length; i++) {
            long sector = range[0] + i;
            expected[i] = model.latest((int) (sector / BlockModel.SECTORS))[(int) (sector % BlockModel.SECTORS)];
        }
        store.submit(SectorRequest.data(Operation.READ, range[0], expected.length, 0, 0)
                .onEnd(ended -> {
                    inFlight--;
                    assertThat(ended.status()).isEqualTo(Status.OK);
                    for (int i = 0; i < expected.length; i++) {
                        assertThat(ended.sector(i))
                                .as("sector %d", range[0] + i)
                                .isEqualTo(expected[i]);
                    }
                    ended.free();
                }));
    }
}
