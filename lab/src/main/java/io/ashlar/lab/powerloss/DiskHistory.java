package io.ashlar.lab.powerloss;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.block.BlockRequest;
import io.ashlar.base.block.Operation;
import io.ashlar.base.status.Status;
import java.io.IOException;
import java.util.Arrays;
import java.util.Random;
import java.util.function.Consumer;

/**
 * Random requests to the volume, several in flight, with the model that knows what may be found after a power loss. After
 * acknowledged flushes, and some FUA writes, the log gets a mark. Every read on the way is checked too: requests that
 * overlap are worked off in the order of submission.
 */
@ConfinedTo(LoopKind.OWNER)
final class DiskHistory {
    private static final int IN_FLIGHT_MAX = 16;
    private static final int SECTORS_MAX = 128;

    private final DiskModel model;
    private final LoggedDisk disk;
    private final Random random;
    private final int[] acknowledged = new int[TestVolume.BLOCKS];
    private TestVolume volume;
    private int inFlight;
    private int values;
    private int extentsInUse;
    private boolean markDue;
    private String problem;

    DiskHistory(DiskModel model, LoggedDisk disk, Random random) {
        this.model = model;
        this.disk = disk;
        this.random = random;
    }

    /** Runs so many requests to their ends; {@code part} of {@code parts}, each of which reaches further extents. */
    void run(TestVolume onVolume, int requests, int part, int parts) throws IOException, InterruptedException {
        volume = onVolume;
        for (int i = 0; i < requests; i++) {
            double progress = (part + (double) i / requests) / parts;
            extentsInUse = 1 + (int) ((TestVolume.EXTENTS - 1) * progress);
            volume.loop().runUntil(() -> inFlight < IN_FLIGHT_MAX || markDue);
            markIfDue();
            submitOne();
            volume.loop().poll();
        }
        volume.loop().runUntil(() -> inFlight == 0);
        markIfDue();
    }

    /** Notes that all of it is durable, for the volume was closed, and marks that. */
    void markClosed() throws IOException, InterruptedException {
        for (int block = 0; block < acknowledged.length; block++) {
            model.durable(block, acknowledged[block], disk.marks() + 1);
        }
        disk.mark();
    }

    private void markIfDue() throws IOException, InterruptedException {
        if (problem != null) {
            throw new IOException(problem);
        }
        if (markDue) {
            markDue = false;
            disk.mark();
        }
    }

    private void submitOne() {
        inFlight++;
        int dice = random.nextInt(100);
        if (dice < 76) {
            write();
        } else if (dice < 86) {
            read();
        } else if (dice < 91) {
            zero(Operation.WRITE_ZEROES);
        } else if (dice < 97) {
            zero(Operation.DISCARD);
        } else {
            flush();
        }
    }

    /** Chooses sectors of one window, every other time whole blocks: {first block, first sector in it, sectors}. */
    private int[] choose() {
        int region = random.nextInt(extentsInUse * TestVolume.EXTENT_REGIONS);
        int unit = random.nextBoolean() ? DiskModel.SECTORS : 1;
        int units = TestVolume.WINDOW * DiskModel.SECTORS / unit;
        int first = random.nextInt(units);
        int most = Math.min(units - first, SECTORS_MAX / unit);
        int count = 1 + random.nextInt(random.nextInt(3) == 0 ? most : Math.min(most, 12));
        int sector = first * unit;
        int block = region * TestVolume.WINDOW + sector / DiskModel.SECTORS;
        return new int[] {block, sector % DiskModel.SECTORS, count * unit};
    }

    private void write() {
        int[] range = choose();
        int value = ++values;
        int flags = random.nextInt(25) == 0 ? BlockRequest.FUA : 0;
        change(range, value);
        long first = TestVolume.sectorOf(range[0]) + range[1];
        volume.submit(SectorRequest.write(first, range[2], value, flags, changeEnd(range)));
    }

    private void zero(Operation operation) {
        int[] range = choose();
        if (operation == Operation.DISCARD) { // whole blocks: what else is discarded is up to the store
            range[1] = 0;
            range[2] = Math.max(DiskModel.SECTORS, range[2] / DiskModel.SECTORS * DiskModel.SECTORS);
            range[2] = Math.min(range[2], (TestVolume.WINDOW - range[0] % TestVolume.WINDOW) * DiskModel.SECTORS);
        }
        int flags = (random.nextBoolean() ? BlockRequest.UNMAP : 0) | (random.nextInt(8) == 0 ? BlockRequest.FUA : 0);
        change(range, 0);
        long first = TestVolume.sectorOf(range[0]) + range[1];
        volume.submit(SectorRequest.of(operation, first, range[2], flags, changeEnd(range)));
    }

    /** Tells the model what the blocks hold once a request is through that is submitted now. */
    private void change(int[] range, int value) {
        int block = range[0];
        int start = range[1];
        for (int left = range[2]; left > 0; block++) {
            int end = Math.min(DiskModel.SECTORS, start + left);
            model.change(block, start, end, value, disk.marks());
            left -= end - start;
            start = 0;
        }
    }

    private Consumer<SectorRequest> changeEnd(int[] range) {
        int first = range[0];
        int[] made = new int[(range[1] + range[2] + DiskModel.SECTORS - 1) / DiskModel.SECTORS];
        for (int i = 0; i < made.length; i++) {
            made[i] = model.latestIndex(first + i);
        }
        return request -> {
            ended(request);
            for (int i = 0; i < made.length; i++) {
                acknowledged[first + i] = Math.max(acknowledged[first + i], made[i]);
                if (request.has(BlockRequest.FUA)) {
                    model.durable(first + i, made[i], disk.marks() + 1);
                }
            }
            markDue |= request.has(BlockRequest.FUA) && random.nextInt(4) == 0;
        };
    }

    private void flush() {
        int[] covered = acknowledged.clone();
        volume.submit(SectorRequest.of(Operation.FLUSH, 0, 0, 0, request -> {
            ended(request);
            for (int block = 0; block < covered.length; block++) {
                model.durable(block, covered[block], disk.marks() + 1);
            }
            markDue = true;
        }));
    }

    private void read() {
        int block = choose()[0];
        int[] expected = model.latest(block);
        volume.submit(SectorRequest.read(TestVolume.sectorOf(block), DiskModel.SECTORS, request -> {
            ended(request);
            if (!Arrays.equals(request.block(0), expected)) {
                problem = "before any power loss, block " + block + " reads " + Arrays.toString(request.block(0))
                        + ", expected " + Arrays.toString(expected);
            }
        }));
    }

    private void ended(SectorRequest request) {
        inFlight--;
        if (request.status() != Status.OK) {
            problem = "before any power loss, " + request.operation() + " ends with " + request.status();
        }
    }
}
