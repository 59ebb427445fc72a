package io.ashlar.store.file;

import io.ashlar.store.file.RecordingStorageIo.Change;
import java.util.HashSet;
import java.util.Set;

/**
 * The pages that a failed sync has left in the cache as clean, though the disk does not have them: no later sync writes
 * them, unless they have been written to again.
 */
final class LostPages {
    static final int PAGE_BYTES = 4096;

    private final Set<Long> dirty = new HashSet<>();
    private final Set<Long> lost = new HashSet<>();

    private static long key(int file, long page) {
        return (long) file << 32 | page;
    }

    /** Notes what a change makes of pages. */
    void on(Change change) {
        if (change instanceof Change.Write write) {
            long last = (write.offset() + write.bytes().length - 1) / PAGE_BYTES;
            for (long page = write.offset() / PAGE_BYTES; page <= last; page++) {
                dirty.add(key(write.file(), page));
            }
        } else if (change instanceof Change.FailedSync sync) {
            dirty.stream().filter(key -> key >>> 32 == sync.file()).forEach(lost::add);
            dirty.removeIf(key -> key >>> 32 == sync.file());
        } else if (change instanceof Change.Sync sync) {
            lost.removeIf(key -> key >>> 32 == sync.file() && dirty.contains(key));
            dirty.removeIf(key -> key >>> 32 == sync.file());
        }
    }

    /** Returns whether the page that holds an offset of a file is lost. */
    boolean isLost(int file, long offset) {
        return lost.contains(key(file, offset / PAGE_BYTES));
    }

    /** Returns whether a page of the file is lost. */
    boolean isAnyLost(int file) {
        return lost.stream().anyMatch(key -> key >>> 32 == file);
    }
}
