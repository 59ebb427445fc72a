package io.ashlar.store.file;

import io.ashlar.store.file.RecordingStorageIo.Change;
import io.ashlar.store.file.RecordingStorageIo.Contents;
import io.ashlar.store.file.RecordingStorageIo.Disk;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.IntUnaryOperator;

/**
 * The disk as a crash after the first {@code position} changes may have left it. What was synced is there. Of what was not,
 * each piece of the disk (a sector of 512 bytes, or a page of 4096 where a disk writes those whole) holds any of the
 * versions it had since: the caller chooses, piece by piece. Changes to folders that were not synced are there up to a
 * point in each folder, as in a journal.
 */
public final class CrashedDisk {
    private final Disk start;
    private final List<Change> changes;
    private final int pieceBytes;
    /** For each piece with unsynced versions: which writes touched it, in order. */
    private final Map<Long, List<Change.Write>> pending = new LinkedHashMap<>();
    /** For each folder with unsynced entries, how many. */
    private final Map<Path, Integer> pendingNames = new LinkedHashMap<>();

    /** Prepares a crash after the first {@code position} changes, on a disk that writes pieces of this size whole. */
    public CrashedDisk(RecordingStorageIo io, int position, int pieceBytes) {
        start = io.start();
        changes = io.log().subList(0, position);
        this.pieceBytes = pieceBytes;
        findPending();
    }

    private void findPending() {
        LostPages lost = new LostPages();
        for (int i = 0; i < changes.size(); i++) {
            Change change = changes.get(i);
            lost.on(change);
            if (change instanceof Change.Create create) {
                pending.keySet().removeIf(key -> key >>> 32 == create.file()); // cut to nothing
            }
            if (change instanceof Change.Write write) {
                long last = (write.offset() + write.bytes().length - 1) / pieceBytes;
                for (long piece = write.offset() / pieceBytes; piece <= last; piece++) {
                    pending.computeIfAbsent(key(write.file(), piece), k -> new ArrayList<>())
                            .add(write);
                }
            } else if (change instanceof Change.Sync sync) {
                pending.keySet().removeIf(key -> key >>> 32 == sync.file() && !lost.isLost(sync.file(), offsetOf(key)));
            } else if (change instanceof Change.SyncFolder sync) {
                pendingNames.remove(sync.path());
            } else if (folderOf(change) != null) {
                pendingNames.merge(folderOf(change), 1, Integer::sum);
            }
        }
    }

    private static long key(int file, long piece) {
        return (long) file << 32 | piece;
    }

    private long offsetOf(long key) {
        return (key & 0xFFFF_FFFFL) * pieceBytes;
    }

    private static Path folderOf(Change change) {
        if (change instanceof Change.Create create) {
            return create.path().getParent();
        }
        if (change instanceof Change.CreateFolder create) {
            return create.path().getParent();
        }
        if (change instanceof Change.Rename rename) {
            return rename.to().getParent();
        }
        return change instanceof Change.Delete delete ? delete.path().getParent() : null;
    }

    /** Returns how many disks there can be; {@link Integer#MAX_VALUE} for that many or more. */
    public int possibilities() {
        long product = 1;
        for (List<Change.Write> versions : pending.values()) {
            product = Math.min(Integer.MAX_VALUE, product * (versions.size() + 1));
        }
        for (int names : pendingNames.values()) {
            product = Math.min(Integer.MAX_VALUE, product * (names + 1));
        }
        return (int) product;
    }

    /** Returns the {@code index}-th of the possible disks. */
    public Disk possibility(int index) {
        int[] rest = {index};
        return build(options -> {
            int choice = rest[0] % options;
            rest[0] /= options;
            return choice;
        });
    }

    /** Returns the disk after a kill of the process: the page cache survives, nothing is lost. */
    public Disk killed() {
        return build(options -> options - 1);
    }

    /** Returns the disk that choices make; each is asked for a number below its argument. */
    public Disk build(IntUnaryOperator choose) {
        Map<Path, Integer> namesLeft = new HashMap<>();
        pendingNames.forEach((folder, count) -> namesLeft.put(folder, choose.applyAsInt(count + 1)));
        Map<Integer, Contents> files = new HashMap<>();
        Disk disk = start.copy();
        disk.files.values().forEach(contents -> files.put(contents.number, contents));
        Map<Integer, byte[]> before = new HashMap<>();
        LostPages lost = new LostPages();
        Map<Path, Integer> lastSync = lastFolderSyncs();
        for (int i = 0; i < changes.size(); i++) {
            Change change = changes.get(i);
            lost.on(change);
            Path folder = folderOf(change);
            boolean isThere = folder == null || i < lastSync.getOrDefault(folder, -1);
            if (!isThere) {
                isThere = namesLeft.merge(folder, -1, Integer::sum) >= 0;
            }
            apply(change, isThere, disk, files, before, lost);
        }
        takeBack(files, before, choose);
        return disk;
    }

    private Map<Path, Integer> lastFolderSyncs() {
        Map<Path, Integer> lastSync = new HashMap<>();
        for (int i = 0; i < changes.size(); i++) {
            if (changes.get(i) instanceof Change.SyncFolder sync) {
                lastSync.put(sync.path(), i);
            }
        }
        return lastSync;
    }

    /** Applies a change as if nothing were lost; remembers each file as its last sync left it. */
    private static void apply(
            Change change,
            boolean isThere,
            Disk disk,
            Map<Integer, Contents> files,
            Map<Integer, byte[]> synced,
            LostPages lost) {
        if (change instanceof Change.Create create) {
            Contents contents = files.computeIfAbsent(create.file(), number -> new Contents(number, new byte[0]));
            contents.resize(0);
            synced.remove(create.file());
            if (isThere) {
                disk.files.put(create.path(), contents);
            }
        } else if (change instanceof Change.Write write) {
            Contents contents = files.get(write.file());
            synced.putIfAbsent(write.file(), contents.bytes.clone());
            contents.write(write.offset(), write.bytes());
        } else if (change instanceof Change.Resize resize) {
            files.get(resize.file()).resize(resize.size());
        } else if (change instanceof Change.Sync sync) {
            byte[] before = synced.remove(sync.file());
            if (lost.isAnyLost(sync.file())) {
                byte[] after = files.get(sync.file()).bytes.clone();
                for (int i = 0; i < Math.min(before.length, after.length); i++) {
                    after[i] = lost.isLost(sync.file(), i) ? before[i] : after[i];
                }
                synced.put(sync.file(), after);
            }
        } else if (isThere && change instanceof Change.CreateFolder create) {
            disk.folders.put(create.path(), true);
        } else if (isThere && change instanceof Change.Rename rename) {
            disk.rename(rename.from(), rename.to());
        } else if (isThere && change instanceof Change.Delete delete) {
            disk.files.remove(delete.path());
            disk.folders.remove(delete.path());
        }
    }

    /** Gives each piece with unsynced versions the version that is chosen. */
    private void takeBack(Map<Integer, Contents> files, Map<Integer, byte[]> synced, IntUnaryOperator choose) {
        for (Map.Entry<Long, List<Change.Write>> entry : pending.entrySet()) {
            int file = (int) (entry.getKey() >>> 32);
            int from = (int) (entry.getKey() & 0xFFFF_FFFFL) * pieceBytes;
            byte[] bytes = files.get(file).bytes;
            byte[] base = synced.get(file);
            int to = Math.min(from + pieceBytes, bytes.length);
            for (int i = from; i < to; i++) {
                bytes[i] = i < base.length ? base[i] : 0;
            }
            int versions = choose.applyAsInt(entry.getValue().size() + 1);
            for (Change.Write write : entry.getValue().subList(0, versions)) {
                int start = (int) Math.max(from, write.offset());
                int end = (int) Math.min(to, write.offset() + write.bytes().length);
                System.arraycopy(write.bytes(), (int) (start - write.offset()), bytes, start, end - start);
            }
        }
    }
}
