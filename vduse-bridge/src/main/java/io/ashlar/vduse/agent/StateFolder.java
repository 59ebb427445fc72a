package io.ashlar.vduse.agent;

import io.ashlar.base.annotation.ThreadSafe;
import io.ashlar.vduse.inflight.DeviceIdentity;
import io.ashlar.vduse.inflight.DeviceLog;
import io.ashlar.vduse.inflight.InflightException;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The folder beside the control socket (mode 0700, in memory): three files per attached device for a successor, what it is,
 * what of it is in flight and what its unflushed writes depend on, and a lock that keeps a second bridge away. Files are trusted
 * only if they are regular, ours, and closed to others.
 */
@ThreadSafe
final class StateFolder implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(StateFolder.class);
    private static final Set<PosixFilePermission> FOLDER_MODE = PosixFilePermissions.fromString("rwx------");
    private static final Set<PosixFilePermission> FILE_MODE = PosixFilePermissions.fromString("rw-------");
    private static final String SUFFIX = ".json";
    private static final String ASIDE = ".unreadable";
    private static final long FILE_BYTES_MAX = 64 << 10;

    private final Path folder;
    private final FileChannel lockFile;

    private StateFolder(Path folder, FileChannel lockFile) {
        this.folder = folder;
        this.lockFile = lockFile;
    }

    /** Opens the folder and takes the lock. */
    static StateFolder open(Path controlSocket) throws IOException {
        StateFolder folder = unlocked(controlSocket);
        if (!folder.tryLock()) {
            folder.close();
            throw new BridgeException("another bridge runs with the control socket " + controlSocket);
        }
        return folder;
    }

    /** Opens the folder, which is made if need be, without the lock: until {@link #tryLock} nothing in it may be changed. */
    static StateFolder unlocked(Path controlSocket) throws IOException {
        Path parent = controlSocket.toAbsolutePath().getParent();
        if (!Files.isDirectory(parent)) {
            Files.createDirectories(parent.getParent());
            Files.createDirectory(parent, PosixFilePermissions.asFileAttribute(FOLDER_MODE));
        }
        Path folder = parent.resolve(controlSocket.getFileName() + ".d");
        if (!Files.isDirectory(folder, LinkOption.NOFOLLOW_LINKS)) {
            Files.createDirectory(folder, PosixFilePermissions.asFileAttribute(FOLDER_MODE));
        }
        checkOwn(folder);
        FileChannel lockFile = FileChannel.open(
                folder.resolve("lock"),
                Set.of(StandardOpenOption.CREATE, StandardOpenOption.WRITE, LinkOption.NOFOLLOW_LINKS),
                PosixFilePermissions.asFileAttribute(FILE_MODE));
        return new StateFolder(folder, lockFile);
    }

    /** Takes the lock unless another bridge has it; held until {@link #close}. */
    boolean tryLock() throws IOException {
        try {
            FileLock lock = lockFile.tryLock();
            return lock != null;
        } catch (OverlappingFileLockException e) {
            return false; // held by this process
        }
    }

    private static void checkOwn(Path path) throws IOException {
        boolean own = Files.getOwner(path, LinkOption.NOFOLLOW_LINKS).equals(Files.getOwner(Path.of("/proc/self")));
        Set<PosixFilePermission> mode = Files.getPosixFilePermissions(path, LinkOption.NOFOLLOW_LINKS);
        if (!own || !FOLDER_MODE.containsAll(mode)) {
            throw new BridgeException(path + " is not ours alone (owner "
                    + Files.getOwner(path, LinkOption.NOFOLLOW_LINKS) + ", mode " + PosixFilePermissions.toString(mode)
                    + "); remove it");
        }
    }

    /** Writes the record of a device. */
    synchronized void save(AttachmentRecord record) throws IOException {
        replace(file(record.vduse()), ControlJson.toBytes(record));
    }

    private static void replace(Path file, byte[] content) throws IOException {
        Path fresh = file.resolveSibling(file.getFileName() + ".new");
        Files.deleteIfExists(fresh);
        Files.createFile(fresh, PosixFilePermissions.asFileAttribute(FILE_MODE));
        Files.write(fresh, content);
        Files.move(fresh, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    }

    private static byte[] read(Path file) throws IOException {
        checkOwn(file);
        if (Files.size(file) > FILE_BYTES_MAX) {
            throw new BridgeException(file + " is not a record of ours: too large");
        }
        return Files.readAllBytes(file);
    }

    /** Returns the record of a device, or null when there is none. */
    AttachmentRecord load(String vduse) throws IOException {
        Path file = file(vduse);
        if (!Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS)) {
            return null;
        }
        AttachmentRecord record = ControlJson.toRecord(read(file));
        if (record.version() != AttachmentRecord.VERSION || !vduse.equals(record.vduse())) {
            throw new BridgeException(file + " is of another version or device");
        }
        return record;
    }

    /** Returns the names of all devices that have a record. */
    List<String> recorded() throws IOException {
        List<String> names = new ArrayList<>();
        try (DirectoryStream<Path> files = Files.newDirectoryStream(folder, "*" + SUFFIX)) {
            for (Path file : files) {
                String name = file.getFileName().toString();
                names.add(name.substring(0, name.length() - SUFFIX.length()));
            }
        } catch (DirectoryIteratorException e) {
            throw e.getCause();
        }
        return names;
    }

    /** Returns the records of all devices, as far as they can be read. */
    List<AttachmentRecord> loadAll() throws IOException {
        List<AttachmentRecord> found = new ArrayList<>();
        for (String name : recorded()) {
            try {
                AttachmentRecord record = load(name);
                if (record != null) {
                    found.add(record);
                }
            } catch (IOException e) {
                LOG.warn("{}", e.getMessage());
            }
        }
        return found;
    }

    /** Returns why the record of a device makes no sense; null if it does, or if there is none. */
    String whyUnreadable(String vduse) throws IOException {
        if (!recorded().contains(vduse)) {
            return null;
        }
        try {
            return load(vduse) == null ? file(vduse) + " is not a file" : null;
        } catch (IOException e) {
            return e.getMessage();
        }
    }

    /** Throws if the record of a device makes no sense: then it must not be replaced, nor forgotten. */
    void refuseUnreadable(String vduse) throws IOException {
        String why = whyUnreadable(vduse);
        if (why != null) {
            throw new BridgeException("nobody can read what an earlier bridge has written down of this volume (" + why
                    + "); 'ashlar detach --force " + vduse + "' puts it aside");
        }
    }

    /** Gives a record that nobody can read, and somebody may want to look at, another name; returns where it is now. */
    synchronized Path putAside(String vduse) throws IOException {
        if (whyUnreadable(vduse) == null) {
            throw new BridgeException(file(vduse) + " has been replaced meanwhile");
        }
        Path aside = folder.resolve(vduse + SUFFIX + ASIDE);
        return Files.move(file(vduse), aside, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    }

    /** Creates the log of what is in flight of a new device. */
    DeviceLog createLog(DeviceIdentity identity) throws IOException {
        return DeviceLog.create(log(identity.name()), identity);
    }

    /**
     * Returns the log that an earlier bridge has left of a device.
     *
     * @throws InflightException if there is none, or it makes no sense
     */
    DeviceLog openLog(String vduse) throws IOException {
        DeviceLog log = DeviceLog.open(log(vduse));
        if (!vduse.equals(log.identity().name())) {
            throw new InflightException(
                    log(vduse) + " is of the device " + log.identity().name());
        }
        return log;
    }

    /**
     * Keeps the boot of the node's machine during which the device's writes are acknowledged. An old one does no harm but to fail
     * a volume that is well, should the bridge be killed before it is replaced.
     */
    synchronized void saveBoot(String vduse, String bootId) throws IOException {
        replace(boot(vduse), bootId.getBytes(StandardCharsets.UTF_8));
    }

    /** The same for a device that may be gone by now, and is then left so. */
    synchronized void updateBoot(String vduse, String bootId) throws IOException {
        if (Files.exists(boot(vduse), LinkOption.NOFOLLOW_LINKS)) {
            saveBoot(vduse, bootId);
        }
    }

    /** Returns what {@link #saveBoot} has kept; an empty text if nothing. */
    String loadBoot(String vduse) throws IOException {
        Path file = boot(vduse);
        if (!Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS)) {
            return "";
        }
        return new String(read(file), StandardCharsets.UTF_8);
    }

    /** Forgets a device. */
    synchronized void delete(String vduse) throws IOException {
        Files.deleteIfExists(file(vduse));
        Files.deleteIfExists(log(vduse));
        Files.deleteIfExists(boot(vduse));
    }

    private Path boot(String vduse) {
        return folder.resolve(vduse + ".boot");
    }

    private Path log(String vduse) {
        return folder.resolve(vduse + ".inflight");
    }

    private Path file(String vduse) {
        return folder.resolve(vduse + SUFFIX);
    }

    @Override
    public void close() throws IOException {
        lockFile.close();
    }
}
