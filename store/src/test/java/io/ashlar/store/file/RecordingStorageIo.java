package io.ashlar.store.file;

import io.ashlar.base.sys.Errno;
import io.netty.util.internal.PlatformDependent;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Predicate;

/**
 * A file system in memory that records every change and every sync, so that the disk can be rebuilt as a crash would have
 * left it ({@link CrashedDisk}). A new one starts with the contents of a disk, all of it durable. One thread at a time.
 */
public final class RecordingStorageIo implements StorageIo {
    private final List<Change> log = new ArrayList<>();
    private final Disk start;
    private final Disk now;
    private final Map<Path, Boolean> locked = new TreeMap<>();
    private ColdReads coldReads = length -> length;
    private Predicate<Path> failingSyncs = path -> false;

    /** Creates an empty file system. */
    public RecordingStorageIo() {
        this(new Disk());
    }

    /** Creates one on a disk, which is copied. */
    public RecordingStorageIo(Disk disk) {
        start = disk.copy();
        now = disk.copy();
    }

    private RecordingStorageIo(Disk start, Disk now, List<Change> log) {
        this.start = start;
        this.now = now;
        this.log.addAll(log);
    }

    /**
     * Returns the file system as the next process finds it, after this one was killed behind a change: what was not synced
     * is in the page cache, and may still be lost.
     */
    public RecordingStorageIo killedAt(int position) {
        return new RecordingStorageIo(
                start, new CrashedDisk(this, position, LostPages.PAGE_BYTES).killed(), log.subList(0, position));
    }

    /** Says which files fail to be synced from now on: the kernel then takes their pages for clean. */
    public void setFailingSyncs(Predicate<Path> fails) {
        failingSyncs = fails;
    }

    /** Says how much of a read that must not wait is in the page cache: all, some, or nothing (-1). */
    @FunctionalInterface
    public interface ColdReads {
        /** Returns the bytes available of {@code length}, or -1. */
        long available(long length);
    }

    /** Files by path, and folders. */
    public static final class Disk {
        final Map<Path, Contents> files = new TreeMap<>();
        final Map<Path, Boolean> folders = new TreeMap<>();

        /** Returns a copy that shares nothing. */
        public Disk copy() {
            Disk copy = new Disk();
            files.forEach((path, contents) -> copy.files.put(path, contents.copy()));
            copy.folders.putAll(folders);
            return copy;
        }

        /** Returns the bytes of a file, to be read or damaged. */
        public byte[] bytes(Path path) {
            return files.get(path).bytes;
        }

        /** Puts a file there, and the folders that it needs. */
        public void put(Path path, byte[] bytes) {
            Contents contents = Contents.empty();
            contents.bytes = bytes.clone();
            files.put(path, contents);
            for (Path folder = path.getParent(); folder != null; folder = folder.getParent()) {
                folders.put(folder, true);
            }
        }

        /** Returns the paths of all files, in order. */
        public List<Path> paths() {
            return List.copyOf(files.keySet());
        }

        void rename(Path from, Path to) {
            Contents contents = files.remove(from);
            if (contents != null) {
                files.put(to, contents);
                return;
            }
            for (Path path : List.copyOf(files.keySet())) {
                if (path.startsWith(from)) {
                    files.put(to.resolve(from.relativize(path)), files.remove(path));
                }
            }
            for (Path path : List.copyOf(folders.keySet())) {
                if (path.startsWith(from)) {
                    folders.remove(path);
                    folders.put(path.equals(from) ? to : to.resolve(from.relativize(path)), true);
                }
            }
        }
    }

    /** The bytes of a file, and a number that stays when it is renamed. */
    static final class Contents {
        private static int numbers;

        final int number;
        byte[] bytes;

        Contents(int number, byte[] bytes) {
            this.number = number;
            this.bytes = bytes;
        }

        static Contents empty() {
            return new Contents(++numbers, new byte[0]);
        }

        Contents copy() {
            return new Contents(number, bytes.clone());
        }

        void resize(long size) {
            if (size != bytes.length) {
                bytes = Arrays.copyOf(bytes, (int) size);
            }
        }

        void write(long offset, byte[] data) {
            if (offset + data.length > bytes.length) {
                resize(offset + data.length);
            }
            System.arraycopy(data, 0, bytes, (int) offset, data.length);
        }
    }

    /** What was done. */
    sealed interface Change {
        /** Bytes written, or punched (then zeroes). */
        final class Write implements Change {
            private final int file;
            private final long offset;
            private final byte[] bytes;

            Write(int file, long offset, byte[] bytes) {
                this.file = file;
                this.offset = offset;
                this.bytes = bytes;
            }

            int file() {
                return file;
            }

            long offset() {
                return offset;
            }

            byte[] bytes() {
                return bytes;
            }
        }

        /** A file's size set. */
        record Resize(int file, long size) implements Change {}

        /** A file's bytes made durable. */
        record Sync(int file) implements Change {}

        /** A file whose unsynced bytes the kernel has given up. */
        record FailedSync(int file) implements Change {}

        /** A file created or cut to nothing, in a folder. */
        record Create(Path path, int file) implements Change {}

        /** A folder created. */
        record CreateFolder(Path path) implements Change {}

        /** A file or folder renamed. */
        record Rename(Path from, Path to) implements Change {}

        /** A file or folder deleted. */
        record Delete(Path path) implements Change {}

        /** A folder's entries made durable. */
        record SyncFolder(Path path) implements Change {}
    }

    /** Makes reads cold now and then. */
    public void setColdReads(ColdReads newColdReads) {
        coldReads = newColdReads;
    }

    /** Returns the number of changes recorded so far. */
    public int position() {
        return log.size();
    }

    List<Change> log() {
        return log;
    }

    Disk start() {
        return start;
    }

    /** Returns the live bytes of a file, to be damaged under the store's feet. */
    public byte[] liveBytes(Path path) {
        return now.bytes(path);
    }

    /** Returns a copy of the disk with everything that was written. */
    public Disk now() {
        return now.copy();
    }

    @Override
    public StorageFile open(Path path, Mode mode) throws StoreException {
        Contents contents = now.files.get(path);
        if (mode == Mode.CREATE) {
            if (now.folders.get(path.getParent()) == null) {
                throw new StoreException("no folder " + path.getParent(), Errno.ENOENT);
            }
            if (contents == null) {
                contents = Contents.empty();
                now.files.put(path, contents);
            } else {
                contents.resize(0);
            }
            log.add(new Change.Create(path, contents.number));
        } else if (contents == null) {
            throw new StoreException("no file " + path, Errno.ENOENT);
        }
        return new RecordedFile(path, contents);
    }

    @Override
    public void createFolder(Path path) {
        if (now.folders.put(path, true) == null) {
            log.add(new Change.CreateFolder(path));
        }
    }

    @Override
    public void rename(Path from, Path to) {
        now.rename(from, to);
        log.add(new Change.Rename(from, to));
    }

    @Override
    public void delete(Path path) {
        now.files.remove(path);
        now.folders.remove(path);
        log.add(new Change.Delete(path));
    }

    @Override
    public List<String> list(Path folder) {
        List<String> names = new ArrayList<>();
        for (Path path : now.files.keySet()) {
            if (folder.equals(path.getParent())) {
                names.add(path.getFileName().toString());
            }
        }
        for (Path path : now.folders.keySet()) {
            if (folder.equals(path.getParent())) {
                names.add(path.getFileName().toString());
            }
        }
        names.sort(null);
        return names;
    }

    @Override
    public OpenFolder openFolder(Path folder) {
        return () -> log.add(new Change.SyncFolder(folder));
    }

    @Override
    public long allocatedBytes(Path path) {
        Contents contents = now.files.get(path);
        return contents == null ? 0 : contents.bytes.length;
    }

    @Override
    public long freeBytes(Path path) {
        return 1L << 40;
    }

    @Override
    public boolean isInMemory(Path path) {
        return true;
    }

    private final class RecordedFile implements StorageFile {
        private final Path path;
        private final Contents contents;
        private boolean hasLock;

        RecordedFile(Path path, Contents contents) {
            this.path = path;
            this.contents = contents;
        }

        @Override
        public long read(long address, long lengthBytes, long offset) {
            int length = (int) Math.max(0, Math.min(lengthBytes, contents.bytes.length - offset));
            if (length > 0) {
                PlatformDependent.copyMemory(contents.bytes, (int) offset, address, length);
            }
            return length;
        }

        @Override
        public long readVector(long iov, int iovCount, long offset, boolean mayWait) {
            long available = Long.MAX_VALUE;
            if (!mayWait) {
                available = coldReads.available(length(iov, iovCount));
                if (available < 0) {
                    return -Errno.EAGAIN;
                }
            }
            long done = 0;
            for (int i = 0; i < iovCount && done < available; i++) {
                long length = Math.min(PlatformDependent.getLong(iov + 16L * i + 8), available - done);
                long result = read(PlatformDependent.getLong(iov + 16L * i), length, offset + done);
                done += result;
                if (result < length) {
                    break;
                }
            }
            return done == 0 && available == 0 ? -Errno.EAGAIN : done;
        }

        private static long length(long iov, int iovCount) {
            long length = 0;
            for (int i = 0; i < iovCount; i++) {
                length += PlatformDependent.getLong(iov + 16L * i + 8);
            }
            return length;
        }

        @Override
        public long write(long address, long lengthBytes, long offset) {
            byte[] bytes = new byte[(int) lengthBytes];
            if (bytes.length > 0) {
                PlatformDependent.copyMemory(address, bytes, 0, bytes.length);
            }
            record(offset, bytes);
            return lengthBytes;
        }

        @Override
        public long writeVector(long iov, int iovCount, long offset) {
            byte[] bytes = new byte[(int) length(iov, iovCount)];
            int done = 0;
            for (int i = 0; i < iovCount; i++) {
                int length = (int) PlatformDependent.getLong(iov + 16L * i + 8);
                PlatformDependent.copyMemory(PlatformDependent.getLong(iov + 16L * i), bytes, done, length);
                done += length;
            }
            record(offset, bytes);
            return done;
        }

        private void record(long offset, byte[] bytes) {
            contents.write(offset, bytes);
            log.add(new Change.Write(contents.number, offset, bytes));
        }

        @Override
        public int punch(long offset, long lengthBytes) {
            record(offset, new byte[(int) lengthBytes]);
            return 0;
        }

        @Override
        public int allocate(long offset, long lengthBytes) {
            return truncate(Math.max(contents.bytes.length, offset + lengthBytes));
        }

        @Override
        public int truncate(long sizeBytes) {
            contents.resize(sizeBytes);
            log.add(new Change.Resize(contents.number, sizeBytes));
            return 0;
        }

        @Override
        public int syncData() {
            if (failingSyncs.test(path)) {
                log.add(new Change.FailedSync(contents.number));
                return -Errno.EIO;
            }
            log.add(new Change.Sync(contents.number));
            return 0;
        }

        @Override
        public int startWriteback(long offset, long lengthBytes) {
            return 0;
        }

        @Override
        public int lock() {
            if (locked.putIfAbsent(path, true) != null) {
                return -Errno.EAGAIN;
            }
            hasLock = true;
            return 0;
        }

        @Override
        public long sizeBytes() {
            return contents.bytes.length;
        }

        @Override
        public int close() {
            if (hasLock) {
                locked.remove(path);
            }
            return 0;
        }
    }
}
