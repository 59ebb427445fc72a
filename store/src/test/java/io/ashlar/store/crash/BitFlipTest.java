package io.ashlar.store.crash;

import static org.assertj.core.api.Assertions.assertThat;

import io.ashlar.base.block.Operation;
import io.ashlar.base.status.Status;
import io.ashlar.store.StoreCheck;
import io.ashlar.store.file.RecordingStorageIo;
import io.ashlar.store.file.StoreException;
import java.nio.file.Path;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** Flips every bit of every file of a small store: a read gives the right data or CORRUPT, never anything else. */
class BitFlipTest {
    private static final Random RANDOM = new Random(1);
    private static final int SECTOR_BYTES = 512;

    private final RecordingStorageIo.Disk disk;

    BitFlipTest() throws StoreException {
        RecordingStorageIo io = new RecordingStorageIo(SteppedStore.emptyDisk());
        SteppedStore store = new SteppedStore(io, RANDOM);
        for (int block = 0; block < SteppedStore.BLOCKS; block++) {
            if (block % 4 != 3) {
                store.run(SectorRequest.data(Operation.WRITE, block * 8L, 8, 77 + block, 0));
            }
        }
        store.run(SectorRequest.of(Operation.DISCARD, 8, 8, 0));
        store.close();
        disk = io.now();
    }

    private static int expected(int block) {
        return block % 4 == 3 || block == 1 ? 0 : 77 + block;
    }

    /** Returns how many blocks are reported corrupt; fails if one reads as something else. */
    private static int readAll(SteppedStore store, int from, int to) {
        Status[] status = new Status[1];
        int corrupt = 0;
        for (int block = from; block < to; block++) {
            int[] found = store.read(block, status);
            if (status[0] == Status.CORRUPT) {
                corrupt++;
            } else {
                assertThat(status[0]).isEqualTo(Status.OK);
                for (int sector : found) {
                    if (sector != expected(block)) {
                        throw new AssertionError("block " + block + " reads " + sector);
                    }
                }
            }
        }
        return corrupt;
    }

    @Test
    void shouldReportTheBlockWhenAnyBitOfADataFileFlips() throws StoreException {
        RecordingStorageIo io = new RecordingStorageIo(disk);
        SteppedStore store = new SteppedStore(io, RANDOM);
        Path path = dataFileOf(0);
        byte[] bytes = io.liveBytes(path);
        for (int bit = 0; bit < bytes.length * 8; bit++) {
            bytes[bit / 8] ^= (byte) (1 << bit % 8);
            int block = bit / 8 / 4096;
            int corrupt = readAll(store, block, block + 1);
            if ((corrupt == 1) != (expected(block) != 0)) {
                throw new AssertionError("bit " + bit + ": corrupt=" + corrupt);
            }
            bytes[bit / 8] ^= (byte) (1 << bit % 8);
        }
        assertThat(readAll(store, 0, SteppedStore.BLOCKS)).isZero();
        store.close();
    }

    private static Path dataFileOf(int extent) {
        return volumeFile("%08x-0.data".formatted(extent));
    }

    private static Path volumeFile(String name) {
        return SteppedStore.ROOT
                .resolve("volumes")
                .resolve(SteppedStore.VOLUME.toString())
                .resolve(name);
    }

    @Test
    void shouldGiveRightDataOrCorruptWhenAnyBitOfABlockMapFlips() throws StoreException {
        Path path = volumeFile("00000000-0.meta");
        int reported = 0;
        int flips = 0;
        for (int bit = 0; bit < disk.bytes(path).length * 8; bit++) {
            if (isUsed(disk.bytes(path), bit / 8)) {
                flips++;
                reported += flip(path, bit, true);
            }
        }
        assertThat(reported).as("flips that the check reports, all of them").isEqualTo(flips);
    }

    @Test
    void shouldGiveRightDataOrRefuseWhenAnyBitOfAHeaderOrIntentFlips() throws StoreException {
        for (Path path :
                new Path[] {volumeFile("volume"), volumeFile("intents"), SteppedStore.ROOT.resolve("ashlar-data")}) {
            for (int bit = 0; bit < disk.bytes(path).length * 8; bit++) {
                if (isUsed(disk.bytes(path), bit / 8)) {
                    flip(path, bit, false);
                }
            }
        }
        assertThat(disk.paths()).contains(volumeFile("volume"));
    }

    /** Returns whether the byte's sector holds something; the rest is padding. */
    private static boolean isUsed(byte[] bytes, int index) {
        int start = index / SECTOR_BYTES * SECTOR_BYTES;
        for (int i = start; i < Math.min(start + SECTOR_BYTES, bytes.length); i++) {
            if (bytes[i] != 0) {
                return true;
            }
        }
        return false;
    }

    /** Flips a bit and reads everything; returns 1 if the offline check reports it. */
    private int flip(Path path, int bit, boolean check) throws StoreException {
        RecordingStorageIo.Disk damaged = disk.copy();
        damaged.bytes(path)[bit / 8] ^= (byte) (1 << bit % 8);
        try {
            RecordingStorageIo io = new RecordingStorageIo(damaged);
            boolean isSound = !check
                    || new StoreCheck(SteppedStore.ROOT, io, (v, d, t) -> {})
                            .run()
                            .isSound();
            SteppedStore store = new SteppedStore(io, RANDOM);
            readAll(store, 0, 8);
            store.close();
            return isSound ? 0 : 1;
        } catch (AssertionError e) {
            throw new AssertionError(path + " bit " + bit, e);
        }
    }
}
