package io.ashlar.store.file;

import io.netty.util.internal.PlatformDependent;
import java.nio.file.Path;

/** A file system that fails, falls short, or lies, as a plan says. Any thread. */
public final class FaultyStorageIo extends ForwardingStorageIo {
    /** The call goes through. */
    public static final long PASS = Long.MAX_VALUE;
    /** The call reports success and does nothing. */
    public static final long SKIP = Long.MAX_VALUE - 1;

    private volatile Plan plan = (call, path) -> PASS;

    /** Creates one that lets everything through. */
    public FaultyStorageIo(StorageIo below) {
        super(below);
    }

    /** What is being called. */
    public enum Call {
        READ,
        WRITE,
        PUNCH,
        ALLOCATE,
        SYNC,
        SYNC_FOLDER
    }

    /** Decides about each call; the path is the one under which the file was opened. */
    @FunctionalInterface
    public interface Plan {
        /** Returns {@link #PASS}, {@link #SKIP}, -errno, or how many bytes a read or write may transfer at most. */
        long decide(Call call, Path path);
    }

    /** Replaces the plan. */
    public void setPlan(Plan newPlan) {
        plan = newPlan;
    }

    @Override
    public StorageFile open(Path path, Mode mode) throws StoreException {
        return new FaultyFile(path, super.open(path, mode));
    }

    @Override
    public OpenFolder openFolder(Path folder) throws StoreException {
        OpenFolder open = super.openFolder(folder);
        return new OpenFolder() {
            @Override
            public void sync() throws StoreException {
                long decision = plan.decide(Call.SYNC_FOLDER, folder);
                if (decision < 0) {
                    throw new StoreException("injected", (int) -decision);
                }
                if (decision != SKIP) {
                    open.sync();
                }
            }

            @Override
            public void close() {
                open.close();
            }
        };
    }

    private final class FaultyFile extends ForwardingFile {
        private final Path path;

        FaultyFile(Path path, StorageFile file) {
            super(file);
            this.path = path;
        }

        @Override
        public long read(long address, long lengthBytes, long offset) {
            long decision = plan.decide(Call.READ, path);
            return decision < 0 ? decision : super.read(address, Math.min(lengthBytes, decision), offset);
        }

        @Override
        public long readVector(long iov, int iovCount, long offset, boolean mayWait) {
            long decision = plan.decide(Call.READ, path);
            return decision < 0 ? decision : super.readVector(iov, iovCount, offset, mayWait);
        }

        @Override
        public long write(long address, long lengthBytes, long offset) {
            long decision = plan.decide(Call.WRITE, path);
            if (decision < 0 || decision == SKIP) {
                return decision < 0 ? decision : lengthBytes;
            }
            return super.write(address, Math.min(lengthBytes, decision), offset);
        }

        @Override
        public long writeVector(long iov, int iovCount, long offset) {
            long decision = plan.decide(Call.WRITE, path);
            if (decision < 0 || decision == PASS) {
                return decision < 0 ? decision : super.writeVector(iov, iovCount, offset);
            }
            // Short: as much as the plan allows of the first piece.
            long first = PlatformDependent.getLong(iov + 8);
            return super.write(PlatformDependent.getLong(iov), Math.min(first, decision), offset);
        }

        @Override
        public int punch(long offset, long lengthBytes) {
            long decision = plan.decide(Call.PUNCH, path);
            return decision < 0 ? (int) decision : super.punch(offset, lengthBytes);
        }

        @Override
        public int allocate(long offset, long lengthBytes) {
            long decision = plan.decide(Call.ALLOCATE, path);
            return decision < 0 ? (int) decision : super.allocate(offset, lengthBytes);
        }

        @Override
        public int syncData() {
            long decision = plan.decide(Call.SYNC, path);
            return decision < 0 ? (int) decision : decision == SKIP ? 0 : super.syncData();
        }
    }
}
