package io.ashlar.store.catalogue;

import io.ashlar.base.sys.Errno;
import io.ashlar.base.sys.Linux;
import io.ashlar.store.file.StorageFile;
import io.ashlar.store.file.StorageIo;
import io.ashlar.store.file.StoreException;
import io.netty.buffer.ByteBuf;
import java.lang.reflect.InvocationHandler;
import java.lang.reflect.Proxy;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.Random;

/**
 * A folder that remembers what is durable: a file's bytes from its sync on, a name from the sync of the folder on. It can
 * fail at any step, and lose power, keeping of everything not durable whatever the random source says.
 */
final class FakeDisk {
    private final Random random;
    private final Map<String, Inode> names = new HashMap<>();
    private final Map<String, Inode> durableNames = new HashMap<>();
    private int stepsUntilFailure = Integer.MAX_VALUE;
    private int errno;
    private int steps;
    private boolean shortWrites = true;

    private static final class Inode {
        private byte[] bytes = new byte[0];
        private byte[] durable = new byte[0];
    }

    FakeDisk(Random random) {
        this.random = random;
    }

    /** Makes every write take all it is given, so that a change has the same number of steps each time. */
    FakeDisk withoutShortWrites() {
        shortWrites = false;
        return this;
    }

    /** Makes the step after so many others fail, and all that follow. */
    void failAfter(int stepsToCome, int failureErrno) {
        stepsUntilFailure = stepsToCome;
        errno = failureErrno;
    }

    /** Returns how many steps have been taken. */
    int steps() {
        return steps;
    }

    /** Returns the disk as a machine finds it that lost power now. */
    FakeDisk crashed() {
        FakeDisk after = new FakeDisk(random);
        Map<Inode, Inode> copies = new HashMap<>();
        Map<String, Inode> kept = random.nextBoolean() ? names : durableNames;
        kept.forEach((name, inode) -> {
            Inode copy = copies.computeIfAbsent(inode, this::crashed);
            after.names.put(name, copy);
            after.durableNames.put(name, copy);
        });
        return after;
    }

    private Inode crashed(Inode inode) {
        Inode copy = new Inode();
        byte[] kept = inode.durable;
        if (!Arrays.equals(inode.bytes, inode.durable)) {
            kept = switch (random.nextInt(3)) {
                case 0 -> inode.durable;
                case 1 -> Arrays.copyOf(inode.bytes, random.nextInt(inode.bytes.length + 1));
                default -> inode.bytes.clone();
            };
        }
        copy.bytes = kept;
        copy.durable = kept;
        return copy;
    }

    /** Returns the seam; what the catalogue has no use for is not there. */
    StorageIo io() {
        InvocationHandler handler = (proxy, method, arguments) -> switch (method.getName()) {
            case "open" -> open((Path) arguments[0], (StorageIo.Mode) arguments[1]);
            case "rename" -> rename((Path) arguments[0], (Path) arguments[1]);
            case "openFolder" -> (StorageIo.OpenFolder) this::syncFolder;
            default -> throw new UnsupportedOperationException(method.getName());
        };
        return (StorageIo)
                Proxy.newProxyInstance(FakeDisk.class.getClassLoader(), new Class<?>[] {StorageIo.class}, handler);
    }

    private int step() {
        steps++;
        return stepsUntilFailure-- > 0 ? 0 : -errno;
    }

    private void stepOrThrow(String what) throws StoreException {
        if (step() < 0) {
            throw new StoreException(what + ": " + Errno.describe(errno), errno);
        }
    }

    private StorageFile open(Path path, StorageIo.Mode mode) throws StoreException {
        String name = path.getFileName().toString();
        if (mode == StorageIo.Mode.READ) {
            if (!names.containsKey(name)) {
                throw new StoreException("no " + name, Errno.ENOENT);
            }
            return file(names.get(name));
        }
        stepOrThrow("open");
        Inode inode = names.computeIfAbsent(name, unused -> new Inode());
        inode.bytes = new byte[0];
        return file(inode);
    }

    private Object rename(Path from, Path to) throws StoreException {
        stepOrThrow("rename");
        names.put(to.getFileName().toString(), names.remove(from.getFileName().toString()));
        return null;
    }

    private void syncFolder() throws StoreException {
        stepOrThrow("sync folder");
        durableNames.clear();
        durableNames.putAll(names);
    }

    private StorageFile file(Inode inode) {
        InvocationHandler handler = (proxy, method, arguments) -> switch (method.getName()) {
            case "read" -> read(inode, (long) arguments[0], (long) arguments[1], (long) arguments[2]);
            case "write" -> write(inode, (long) arguments[0], (long) arguments[1], (long) arguments[2]);
            case "syncData" -> sync(inode);
            case "sizeBytes" -> (long) inode.bytes.length;
            case "close" -> 0;
            default -> throw new UnsupportedOperationException(method.getName());
        };
        return (StorageFile)
                Proxy.newProxyInstance(FakeDisk.class.getClassLoader(), new Class<?>[] {StorageFile.class}, handler);
    }

    private static Object read(Inode inode, long address, long length, long offset) {
        int count = (int) Math.min(length, inode.bytes.length - offset);
        memory(address, count).setBytes(0, inode.bytes, (int) offset, count);
        return (long) count;
    }

    private Object write(Inode inode, long address, long length, long offset) {
        int failure = step();
        if (failure < 0) {
            return (long) failure;
        }
        // Short now and then, as the kernel may be.
        int count = (int) (shortWrites && length > 1 && random.nextBoolean() ? length / 2 : length);
        inode.bytes = Arrays.copyOf(inode.bytes, (int) offset + count);
        memory(address, count).getBytes(0, inode.bytes, (int) offset, count);
        return (long) count;
    }

    private Object sync(Inode inode) {
        int failure = step();
        if (failure == 0) {
            inode.durable = inode.bytes.clone();
        }
        return failure;
    }

    private static ByteBuf memory(long address, int length) {
        return Linux.wrap(address, Math.max(1, length));
    }
}
