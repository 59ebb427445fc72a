package io.ashlar.base.sys;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.io.IOException;

/**
 * What the kernel knows of an open file (statx(2), statfs(2)).
 *
 * @param device number of its file system, major above minor
 * @param inode its number there; with the device its identity
 * @param sizeBytes its length
 * @param fileSystem kind of the file system (linux/magic.h)
 * @param blockBytes the file system's block; of hugetlbfs, the huge page
 */
public record FileFacts(long device, long inode, long sizeBytes, long fileSystem, long blockBytes) {
    /** Size of struct statx (linux/stat.h). */
    static final int STATX_BYTES = 256;
    /** Size of struct statfs on 64-bit machines (asm-generic/statfs.h). */
    static final int STATFS_BYTES = 120;

    /** Ask for stx_ino and stx_size (linux/stat.h: STATX_INO, STATX_SIZE). */
    private static final int MASK = 0x100 | 0x200;

    private static final int STX_INO_OFFSET = 32;
    private static final int STX_SIZE_OFFSET = 40;
    private static final int STX_DEV_MAJOR_OFFSET = 136;
    private static final int STX_DEV_MINOR_OFFSET = 140;
    private static final int F_TYPE_OFFSET = 0;
    private static final int F_BSIZE_OFFSET = 8;

    /** HUGETLBFS_MAGIC. */
    private static final long HUGETLBFS = 0x958458f6L;

    /** Asks the file system, which may be a process that never answers, unless {@link Linux#isInMemory}. */
    public static FileFacts of(int fd) throws IOException {
        ByteBuf memory = Unpooled.directBuffer(STATX_BYTES + STATFS_BYTES).setZero(0, STATX_BYTES + STATFS_BYTES);
        try {
            int result = Linux.statx(fd, MASK, memory.memoryAddress());
            if (result == 0) {
                result = Linux.fstatfs(fd, memory.memoryAddress() + STATX_BYTES);
            }
            if (result < 0) {
                throw new IOException("can't look at descriptor " + fd + ": " + Errno.describe(result));
            }
            return new FileFacts(
                    memory.getUnsignedIntLE(STX_DEV_MAJOR_OFFSET) << 32 | memory.getUnsignedIntLE(STX_DEV_MINOR_OFFSET),
                    memory.getLongLE(STX_INO_OFFSET),
                    memory.getLongLE(STX_SIZE_OFFSET),
                    memory.getLongLE(STATX_BYTES + F_TYPE_OFFSET),
                    memory.getLongLE(STATX_BYTES + F_BSIZE_OFFSET));
        } finally {
            memory.release();
        }
    }

    /** Returns whether it consists of huge pages, which somebody reserves before they are touched. */
    public boolean hasHugePages() {
        return fileSystem == HUGETLBFS;
    }

    /** Returns whether both are the same file. */
    public boolean isSameFile(FileFacts other) {
        return device == other.device && inode == other.inode;
    }
}
