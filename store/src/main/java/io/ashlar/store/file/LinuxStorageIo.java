package io.ashlar.store.file;

import io.ashlar.base.annotation.ThreadSafe;
import io.ashlar.base.sys.Errno;
import io.ashlar.base.sys.Linux;
import io.ashlar.base.sys.OpenFlags;
import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.stream.Stream;

/** The kernel's file systems. Files are readable by their owner only. */
@ThreadSafe
public final class LinuxStorageIo implements StorageIo {
    private static final int OWNER_ONLY = 0600;

    @Override
    public StorageFile open(Path path, Mode mode) throws StoreException {
        int flags =
                switch (mode) {
                    case READ -> OpenFlags.READ_ONLY;
                    case WRITE -> OpenFlags.READ_WRITE;
                    case CREATE -> OpenFlags.READ_WRITE | OpenFlags.CREATE | OpenFlags.TRUNCATE;
                };
        int fd = Linux.open(path.toString(), flags, OWNER_ONLY);
        check(fd, "open", path);
        return new LinuxStorageFile(path, fd);
    }

    @Override
    public void createFolder(Path path) throws StoreException {
        try {
            Files.createDirectory(
                    path, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
        } catch (FileAlreadyExistsException e) {
            if (!Files.isDirectory(path)) {
                throw failure("create folder", path, e);
            }
        } catch (IOException e) {
            throw failure("create folder", path, e);
        }
    }

    @Override
    public void rename(Path from, Path to) throws StoreException {
        try {
            Files.move(from, to, StandardCopyOption.ATOMIC_MOVE);
        } catch (IOException e) {
            throw failure("rename", from, e);
        }
    }

    @Override
    public void delete(Path path) throws StoreException {
        try {
            Files.deleteIfExists(path);
        } catch (IOException e) {
            throw failure("delete", path, e);
        }
    }

    @Override
    public List<String> list(Path folder) throws StoreException {
        try (Stream<Path> entries = Files.list(folder)) {
            return entries.map(entry -> entry.getFileName().toString()).sorted().toList();
        } catch (NoSuchFileException e) {
            return List.of();
        } catch (IOException e) {
            throw failure("list", folder, e);
        }
    }

    @Override
    public OpenFolder openFolder(Path folder) throws StoreException {
        int fd = Linux.open(folder.toString(), OpenFlags.READ_ONLY, 0);
        check(fd, "open", folder);
        return new LinuxFolder(folder, fd);
    }

    private record LinuxFolder(Path path, int fd) implements OpenFolder {
        @Override
        public void sync() throws StoreException {
            check(Linux.fsync(fd), "sync", path);
        }

        @Override
        public void close() {
            Linux.close(fd);
        }
    }

    @Override
    public long allocatedBytes(Path path) throws StoreException {
        long result = Linux.allocatedBytes(path.toString());
        if (result == -Errno.ENOENT) {
            return 0;
        }
        check(result, "stat", path);
        return result;
    }

    @Override
    public long freeBytes(Path path) throws StoreException {
        try {
            return Files.getFileStore(path).getUsableSpace();
        } catch (IOException e) {
            throw failure("find the free space of", path, e);
        }
    }

    @Override
    public boolean isInMemory(Path path) throws StoreException {
        try {
            String type = Files.getFileStore(path).type();
            return type.equals("tmpfs") || type.equals("ramfs");
        } catch (IOException e) {
            throw failure("find the file system of", path, e);
        }
    }

    private static void check(long result, String what, Path path) throws StoreException {
        if (result < 0) {
            throw new StoreException("can't " + what + " " + path + ": " + Errno.describe(result), (int) -result);
        }
    }

    private static StoreException failure(String what, Path path, IOException cause) {
        int errno = cause instanceof NoSuchFileException ? Errno.ENOENT : Errno.EIO;
        return new StoreException("can't " + what + " " + path + ": " + cause.getMessage(), errno);
    }
}
