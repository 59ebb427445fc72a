package io.ashlar.vduse.agent;

import com.google.errorprone.annotations.Immutable;
import io.ashlar.base.sys.Errno;
import io.ashlar.base.sys.Linux;
import io.ashlar.base.sys.OpenFlags;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;

/** The block device that came of a volume: its settings, its stable link, and holding it so that nobody can mount it. */
@Immutable
@SuppressWarnings("Immutable") // Path is immutable, though Error Prone does not know it.
final class DiskNode {
    private final HostFolders host;
    private final String disk;

    DiskNode(HostFolders host, String disk) {
        this.host = host;
        this.disk = disk;
    }

    /** Returns the node's path, such as {@code /dev/vda}. */
    Path path() {
        return host.dev().resolve(disk);
    }

    /** Returns the disk's name, such as {@code vda}. */
    String disk() {
        return disk;
    }

    /** The kernel takes virtio disks for rotating ones, and schedules and throttles accordingly. */
    void setNonRotational() throws IOException {
        Files.writeString(host.sys().resolve("block").resolve(disk).resolve("queue/rotational"), "0");
    }

    /** Returns the stable link of a volume. */
    static Path link(HostFolders host, String volume) {
        return host.dev().resolve("ashlar").resolve(volume);
    }

    /** Makes the volume's stable link, or turns it to this disk. */
    void linkAs(String volume) throws IOException {
        Path link = link(host, volume);
        Files.createDirectories(link.getParent());
        Path fresh = link.resolveSibling("." + volume + ".new");
        Files.deleteIfExists(fresh);
        Files.createSymbolicLink(fresh, Path.of("..", disk));
        Files.move(fresh, link, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    }

    /** Removes the stable link that leads to a disk, whatever volume it is named after. */
    static void unlink(HostFolders host, String disk) throws IOException {
        Path folder = host.dev().resolve("ashlar");
        if (disk == null || !Files.isDirectory(folder)) {
            return;
        }
        try (DirectoryStream<Path> links = Files.newDirectoryStream(folder, Files::isSymbolicLink)) {
            for (Path link : links) {
                if (Files.readSymbolicLink(link).getFileName().toString().equals(disk)) {
                    Files.deleteIfExists(link);
                }
            }
        }
    }

    /**
     * Opens the disk exclusively: until the hold is closed nothing can mount it, swap on it or build on it.
     *
     * @return the hold, or null when somebody does so now
     */
    Hold hold() throws IOException {
        int fd = Linux.open(path().toString(), OpenFlags.READ_ONLY | OpenFlags.EXCLUSIVE, 0);
        if (fd == -Errno.EBUSY) {
            return null;
        }
        if (fd < 0) {
            throw new BridgeException("can't open " + path() + " (" + Errno.describe(fd) + ")");
        }
        return new Hold(fd);
    }

    /** The disk, held open. */
    record Hold(int fd) implements AutoCloseable {
        /** Makes what was written to the disk durable. */
        void flush() throws IOException {
            int result = Linux.fsync(fd);
            if (result < 0) {
                throw new BridgeException("can't flush it (" + Errno.describe(result) + ")");
            }
        }

        @Override
        public void close() {
            Linux.close(fd);
        }
    }
}
