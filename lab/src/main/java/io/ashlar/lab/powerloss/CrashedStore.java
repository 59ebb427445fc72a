package io.ashlar.lab.powerloss;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.block.Operation;
import io.ashlar.base.status.Status;
import io.ashlar.store.StoreCheck;
import io.ashlar.store.file.LinuxStorageIo;
import io.ashlar.store.file.StoreException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;

/** Mounts a disk that a power loss has left, opens the store on it, and holds it to every promise. */
@ConfinedTo(LoopKind.OWNER)
final class CrashedStore {
    private static final int NEW_VALUE = 1_000_000_000;

    private final DiskModel model;
    private final Path mountPoint;
    private final Random random;

    CrashedStore(DiskModel model, Path mountPoint, Random random) {
        this.model = model;
        this.mountPoint = mountPoint;
        this.random = random;
    }

    /** Returns what is wrong with a disk whose log reaches a mark and not the next; null if nothing is. */
    String check(Path image, int mark) throws IOException, InterruptedException {
        Files.createDirectories(mountPoint);
        Shell.run("mount", "-o", "loop,noatime", image.toString(), mountPoint.toString());
        try {
            return checkFolder(mountPoint.resolve("data"), mark);
        } catch (StoreException e) {
            return e.getMessage();
        } finally {
            Shell.run("umount", mountPoint.toString());
        }
    }

    private String checkFolder(Path folder, int mark) throws StoreException {
        String problem = findings("before recovery, ", folder);
        if (problem != null) {
            return problem;
        }
        try (TestVolume volume = TestVolume.open(folder, new LinuxStorageIo())) {
            problem = checkBlocks(volume, mark);
            if (problem == null) {
                problem = goOn(volume);
            }
            if (problem != null) {
                return problem + " (" + volume.damage() + ")";
            }
        }
        return findings("after recovery, ", folder);
    }

    private static String findings(String when, Path folder) throws StoreException {
        StoreCheck.Report report = new StoreCheck(folder, new LinuxStorageIo(), (v, done, total) -> {}).run();
        return report.isSound()
                ? null
                : when + "store check finds " + report.findings().get(0);
    }

    private String checkBlocks(TestVolume volume, int mark) {
        for (int first = 0; first < TestVolume.BLOCKS; first += TestVolume.WINDOW) {
            SectorRequest read = read(volume, first, TestVolume.WINDOW);
            if (read.status() != Status.OK) {
                return "blocks " + first + " and following: reading them ends with " + read.status();
            }
            for (int i = 0; i < TestVolume.WINDOW; i++) {
                String problem = model.judge(first + i, read.block(i), mark);
                if (problem != null) {
                    return "block " + (first + i) + " " + problem;
                }
            }
        }
        return null;
    }

    private static SectorRequest read(TestVolume volume, int block, int count) {
        return volume.run(SectorRequest.read(TestVolume.sectorOf(block), count * DiskModel.SECTORS, request -> {}));
    }

    /** The store must also be fit for use. */
    private String goOn(TestVolume volume) {
        for (int i = 0; i < 8; i++) {
            int block = random.nextInt(TestVolume.BLOCKS);
            int sectors = 1 + random.nextInt(DiskModel.SECTORS);
            SectorRequest write = volume.run(
                    SectorRequest.write(TestVolume.sectorOf(block), sectors, NEW_VALUE + i, 0, request -> {}));
            SectorRequest read = read(volume, block, 1);
            boolean isThere = read.status() == Status.OK && read.block(0)[sectors - 1] == NEW_VALUE + i;
            if (write.status() != Status.OK || !isThere) {
                return "block " + block + ": a new write ends with " + write.status() + ", reading it with "
                        + read.status();
            }
        }
        Status flush = volume.run(SectorRequest.of(Operation.FLUSH, 0, 0, 0, request -> {}))
                .status();
        return flush == Status.OK ? null : "a flush ends with " + flush;
    }
}
