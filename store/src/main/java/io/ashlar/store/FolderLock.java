package io.ashlar.store;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.sys.Errno;
import io.ashlar.store.config.StoreEnvironment;
import io.ashlar.store.file.StorageFile;
import io.ashlar.store.file.StorageIo;
import io.ashlar.store.file.StoreException;
import io.ashlar.store.format.FolderHeader;
import io.ashlar.store.format.HeaderSlots;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The right to a data folder, held by one process at a time, and the folder's header. The lock is the kernel's (flock), on
 * a file of its own, so that it ends with the process and outlives no crash.
 */
@ConfinedTo(LoopKind.OWNER)
final class FolderLock implements AutoCloseable {
    /** The folder of the volumes. */
    static final String VOLUMES = "volumes";

    /** How the name of a volume's folder starts that is not ready yet. */
    static final String NEW_PREFIX = "new-";
    /** How the name of a volume's folder starts that is to be removed. */
    static final String DELETED_PREFIX = "deleted-";

    private static final Logger LOG = LoggerFactory.getLogger(FolderLock.class);

    private static final String LOCK = "lock";
    private static final String UNFINISHED = FolderHeader.FILE + ".new";
    /** What may lie in a folder that is to become a data folder: nothing but what an unfinished creation left. */
    private static final Set<String> IGNORED = Set.of(LOCK, UNFINISHED, VOLUMES, "lost+found");

    private final Path path;
    private final StorageIo io;
    private final StorageFile lockFile;
    private final StorageFile headerFile;
    private final HeaderSlots slots;
    private final FolderHeader header;

    private FolderLock(Path path, StorageIo io, StorageFile lockFile) throws StoreException {
        this.path = path;
        this.io = io;
        this.lockFile = lockFile;
        headerFile = io.open(path.resolve(FolderHeader.FILE), StorageIo.Mode.WRITE);
        slots = new HeaderSlots(headerFile, FolderHeader.MAGIC);
        try {
            header = FolderHeader.read(slots, "data folder " + path);
        } catch (StoreException e) {
            headerFile.close();
            throw e;
        }
    }

    /** Locks a data folder; an absent or empty one becomes a data folder. */
    static FolderLock takeOrCreate(Path path, StorageIo io, StoreEnvironment environment) throws StoreException {
        io.createFolder(path);
        List<String> names = io.list(path);
        boolean exists = names.contains(FolderHeader.FILE);
        if (!exists && !IGNORED.containsAll(names)) {
            throw new StoreException(path + " is neither empty nor a data folder");
        }
        StorageFile lockFile = lock(path, io);
        try {
            if (!exists) {
                create(path, io, new FolderHeader(environment.random().nextUuid(), environment.bootId(), true));
            }
            return new FolderLock(path, io, lockFile);
        } catch (StoreException e) {
            lockFile.close();
            throw e;
        }
    }

    /** Locks an existing data folder for offline work; refused while a node runs on it. */
    static FolderLock take(Path path, StorageIo io) throws StoreException {
        if (!io.list(path).contains(FolderHeader.FILE)) {
            throw new StoreException(path + " is not a data folder");
        }
        StorageFile lockFile = lock(path, io);
        try {
            return new FolderLock(path, io, lockFile);
        } catch (StoreException e) {
            lockFile.close();
            throw e;
        }
    }

    private static StorageFile lock(Path path, StorageIo io) throws StoreException {
        StorageFile file = io.open(path.resolve(LOCK), StorageIo.Mode.CREATE);
        int result = file.lock();
        if (result < 0) {
            file.close();
            throw new StoreException(
                    result == -Errno.EAGAIN
                            ? "data folder " + path + " is in use by another process"
                            : "can't lock " + path + ": " + Errno.describe(result),
                    -result);
        }
        return file;
    }

    private static void create(Path path, StorageIo io, FolderHeader header) throws StoreException {
        Path unfinished = path.resolve(UNFINISHED);
        StorageFile file = io.open(unfinished, StorageIo.Mode.CREATE);
        try {
            HeaderSlots slots = new HeaderSlots(file, FolderHeader.MAGIC);
            header.encode(slots);
            check(slots.writeBoth());
            check(file.syncData());
        } finally {
            file.close();
        }
        io.createFolder(path.resolve(VOLUMES));
        io.rename(unfinished, path.resolve(FolderHeader.FILE));
        io.syncFolder(path);
    }

    /** Returns the folder of a volume. */
    static Path folderOf(Path path, UUID volume) {
        return path.resolve(VOLUMES).resolve(volume.toString());
    }

    /** Returns the volumes in the folder. */
    List<UUID> volumes() throws StoreException {
        List<UUID> volumes = new ArrayList<>();
        for (String name : io.list(path.resolve(VOLUMES))) {
            if (!name.startsWith(NEW_PREFIX) && !name.startsWith(DELETED_PREFIX)) {
                try {
                    volumes.add(UUID.fromString(name));
                } catch (IllegalArgumentException e) {
                    LOG.warn("{}/{} is not a volume; left alone", VOLUMES, name);
                }
            }
        }
        return volumes;
    }

    /** Returns the header as the last start or stop left it. */
    FolderHeader header() {
        return header;
    }

    /** Writes the header; durable on return. */
    void write(FolderHeader newHeader) throws StoreException {
        newHeader.encode(slots);
        check(slots.write());
    }

    private static void check(int result) throws StoreException {
        if (result < 0) {
            throw new StoreException("can't write the header of the data folder: " + Errno.describe(result), -result);
        }
    }

    /** Gives the lock back. */
    @Override
    public void close() {
        headerFile.close();
        lockFile.close();
    }
}
