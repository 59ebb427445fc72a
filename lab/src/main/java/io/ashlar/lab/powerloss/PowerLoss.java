package io.ashlar.lab.powerloss;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.store.file.LinuxStorageIo;
import io.ashlar.store.file.StorageIo;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/**
 * The program of {@code lab/scenarios/powerloss}: runs a history on a logged disk, then takes the disk as a power loss
 * right after some of its flush and FUA entries would have left it, half of them with a random part of what followed, and
 * checks each. Exit codes: 0 all held; 1 one did not, and a line names entry and block; 2 could not be run.
 */
@ConfinedTo(LoopKind.OWNER)
public final class PowerLoss {
    private static final int HISTORY_PARTS = 2;
    /** Points among which the one is chosen that most follows before the next flush. */
    private static final int TRIES = 20;

    private final Options options;
    private final PrintStream out;
    private final Random random;
    private final DiskModel model = new DiskModel(TestVolume.BLOCKS);
    private int marks;
    private int firstMark;

    private PowerLoss(Options options, PrintStream out) {
        this.options = options;
        this.out = out;
        random = new Random(options.seed());
    }

    /**
     * What is to be done.
     *
     * @param disk device that gets the file system
     * @param log device that gets the log
     * @param sizeBytes of the disk that are used
     * @param folder for images and mounts, in memory
     * @param images how many power losses
     * @param requests how many requests before
     * @param seed of all chances
     * @param unsynced sabotage: files whose path contains this are never synced; empty for none
     */
    private record Options(
            String disk, Path log, long sizeBytes, Path folder, int images, int requests, long seed, String unsynced) {
        static Options of(String[] words) {
            return new Options(
                    words[0],
                    Path.of(words[1]),
                    Long.parseLong(words[2]) << 20,
                    Path.of(words[3]),
                    Integer.parseInt(words[4]),
                    Integer.parseInt(words[5]),
                    Long.parseLong(words[6]),
                    words.length > 7 ? words[7] : "");
        }
    }

    /** Runs it: {@code DISK LOG MIB FOLDER IMAGES REQUESTS SEED [UNSYNCED]}. */
    public static void main(String[] words) {
        System.exit(run(words, System.out));
    }

    private static int run(String[] words, PrintStream out) {
        try {
            PowerLoss powerLoss = new PowerLoss(Options.of(words), out);
            powerLoss.record();
            String problem = powerLoss.replay();
            if (problem == null) {
                return 0;
            }
            out.println("seed " + powerLoss.options.seed() + ": " + problem);
            return 1;
        } catch (IOException | RuntimeException e) {
            out.println("cannot run: " + e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        return 2;
    }

    private void record() throws IOException, InterruptedException {
        StorageIo io = ForgottenSyncs.of(new LinuxStorageIo(), options.unsynced());
        try (LoggedDisk disk = LoggedDisk.create(
                options.disk(),
                options.log().toString(),
                options.sizeBytes(),
                options.folder().resolve("logged"))) {
            Path data = disk.mountPoint().resolve("data");
            DiskHistory history = new DiskHistory(model, disk, random);
            for (int part = 0; part < HISTORY_PARTS; part++) {
                try (TestVolume volume = part == 0 ? TestVolume.create(data, io) : TestVolume.open(data, io)) {
                    if (part == 0) {
                        disk.mark(); // before it there is no volume
                        firstMark = disk.marks();
                    }
                    history.run(volume, options.requests() / HISTORY_PARTS, part, HISTORY_PARTS);
                }
                history.markClosed();
            }
            marks = disk.marks();
        }
        out.printf("   %d requests, %d marks%n", options.requests(), marks);
    }

    private String replay() throws IOException, InterruptedException {
        Shell.run("blockdev", "--flushbufs", options.log().toString());
        try (WriteLog log = WriteLog.open(options.log());
                CrashedDisk disk = new CrashedDisk(log, options.sizeBytes(), options.folder())) {
            List<Integer> points = pointsOf(log);
            CrashedStore store = new CrashedStore(model, options.folder().resolve("crashed"), random);
            int images = Math.min(options.images(), points.size());
            int partial = 0;
            for (int i = 0; i < images; i++) {
                // An even sample: one of each stretch.
                int from = (int) ((long) points.size() * i / images);
                int to = (int) ((long) points.size() * (i + 1) / images);
                int point = points.get(from + random.nextInt(to - from));
                int last = point;
                if (i % 2 == 1) {
                    point = pointOfMuch(log, points.subList(from, to));
                    last = point + random.nextInt(nextFlush(log, point) - point);
                }
                disk.replayTo(point);
                partial += last > point ? 1 : 0;
                Path image = last == point ? disk.copy() : disk.copyWithSomeOf(last, random);
                String problem = store.check(image, lastMark(log, last));
                if (problem != null) {
                    return "power loss at entry " + point + (last > point ? ", with some of those up to " + last : "")
                            + " (of " + log.entries().size() + "): " + problem;
                }
                if (i % 10 == 9) {
                    out.printf("   %d of %d power losses survived%n", i + 1, images);
                }
            }
            out.printf(
                    "%d of %d flush points examined, %d of them with a random part of what followed;"
                            + " %d log entries, %d requests, %d marks%n",
                    images, points.size(), partial, log.entries().size(), options.requests(), marks);
            return null;
        }
    }

    /** Returns the flush and FUA entries behind the first mark. */
    private List<Integer> pointsOf(WriteLog log) throws IOException {
        List<Integer> points = new ArrayList<>();
        int marksSeen = 0;
        for (int i = 0; i < log.entries().size(); i++) {
            WriteLog.Entry entry = log.entries().get(i);
            if (entry.mark() > 0 && entry.mark() != ++marksSeen) {
                throw new IOException("the log has no mark " + marksSeen);
            }
            if (entry.isPoint() && marksSeen >= firstMark) {
                points.add(i);
            }
        }
        if (marksSeen != marks || points.isEmpty()) {
            throw new IOException("the log has " + marksSeen + " of " + marks + " marks; is its disk too small?");
        }
        return points;
    }

    /** Returns, of some points, the one that most follows before the next flush: the more a power loss can mix. */
    private int pointOfMuch(WriteLog log, List<Integer> points) {
        int best = points.get(0);
        for (int i = 0; i < TRIES; i++) {
            int point = points.get(random.nextInt(points.size()));
            if (nextFlush(log, point) - point > nextFlush(log, best) - best) {
                best = point;
            }
        }
        return best;
    }

    private static int nextFlush(WriteLog log, int point) {
        int next = point + 1;
        while (next < log.entries().size() && !log.entries().get(next).isFlush()) {
            next++;
        }
        return next;
    }

    private static int lastMark(WriteLog log, int entry) {
        for (int i = entry; i >= 0; i--) {
            if (log.entries().get(i).mark() > 0) {
                return log.entries().get(i).mark();
            }
        }
        return 0;
    }
}
