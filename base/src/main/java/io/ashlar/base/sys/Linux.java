package io.ashlar.base.sys;

import com.kenai.jffi.MemoryIO;
import io.ashlar.base.annotation.ThreadSafe;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import jnr.ffi.LastError;
import jnr.ffi.LibraryLoader;
import jnr.ffi.LibraryOption;
import jnr.ffi.Pointer;
import jnr.ffi.Runtime;

/**
 * Linux system calls without exceptions and without allocation: a result below zero is -errno ({@link Errno}). Loading
 * the library takes about half a second, once; a call about 135 ns on top of the kernel's time.
 *
 * <p>Blocking calls (sync, open, fallocate, reads of cold data) belong on a pool thread.
 */
@ThreadSafe
public final class Linux {
    private static final LibC LIBC = LibraryLoader.create(LibC.class)
            .option(LibraryOption.SaveError, true)
            .load("c");
    private static final Runtime RUNTIME = Runtime.getRuntime(LIBC);

    /** From {@code linux/fcntl.h}: paths are relative to the working folder. */
    private static final int AT_FDCWD = -100;
    /** From {@code linux/fcntl.h}: an empty path means the descriptor itself. */
    private static final int AT_EMPTY_PATH = 0x1000;
    /** From {@code linux/stat.h}: ask for stx_blocks. */
    private static final int STATX_BLOCKS = 0x400;
    /** From {@code linux/stat.h}: size of struct statx, and where stx_blocks (512 bytes each) lies in it. */
    private static final int STATX_BYTES = 256;

    private static final int STX_BLOCKS_OFFSET = 48;

    private Linux() {}

    /** Opens a file; close-on-exec is always set. */
    public static int open(String path, int flags, int mode) {
        return check(LIBC.open(path, flags | OpenFlags.CLOEXEC, mode));
    }

    /** Closes a descriptor. An error means that earlier writes may be lost. */
    public static int close(int fd) {
        return check(LIBC.close(fd));
    }

    /** Reads up to {@code count} bytes to the address. */
    public static long read(int fd, long address, long count) {
        return check(LIBC.read(fd, address, count));
    }

    /** Writes up to {@code count} bytes from the address. */
    public static long write(int fd, long address, long count) {
        return check(LIBC.write(fd, address, count));
    }

    /** Reads up to {@code count} bytes at the file offset; may be short. */
    public static long pread(int fd, long address, long count, long offset) {
        return check(LIBC.pread(fd, address, count, offset));
    }

    /** Writes up to {@code count} bytes at the file offset; may be short. */
    public static long pwrite(int fd, long address, long count, long offset) {
        return check(LIBC.pwrite(fd, address, count, offset));
    }

    /** Reads into the iovecs at the address (16 bytes each: address, length), with RWF flags. */
    public static long preadv2(int fd, long iov, int iovCount, long offset, int flags) {
        return check(LIBC.preadv2(fd, iov, iovCount, offset, flags));
    }

    /** Writes the iovecs at the address (16 bytes each: address, length); may be short. */
    public static long pwritev(int fd, long iov, int iovCount, long offset) {
        return check(LIBC.pwritev(fd, iov, iovCount, offset));
    }

    /** Allocates, punches or zeroes a range of a file, by mode ({@link FallocateMode}). */
    public static int fallocate(int fd, int mode, long offset, long length) {
        return check(LIBC.fallocate(fd, mode, offset, length));
    }

    /** Sets a file's size; what is added is a hole. */
    public static int truncate(int fd, long length) {
        return check(LIBC.ftruncate(fd, length));
    }

    /** Returns the bytes that a file takes on disk (statx(2), stx_blocks), or -errno. Allocates. */
    public static long allocatedBytes(String path) {
        ByteBuf statx = Unpooled.directBuffer(STATX_BYTES);
        try {
            int result = check(LIBC.statx(AT_FDCWD, path, 0, STATX_BLOCKS, statx.memoryAddress()));
            return result < 0 ? result : statx.getLongLE(STX_BLOCKS_OFFSET) * 512;
        } finally {
            statx.release();
        }
    }

    /** Reads what statx(2) knows of an open file into the {@link FileFacts#STATX_BYTES} bytes at the address. */
    static int statx(int fd, int mask, long address) {
        return check(LIBC.statx(fd, "", AT_EMPTY_PATH, mask, address));
    }

    /** Reads what statfs(2) knows of an open file's file system into the {@link FileFacts#STATFS_BYTES} bytes at the address. */
    static int fstatfs(int fd, long address) {
        return check(LIBC.fstatfs(fd, address));
    }

    /** Makes a file or directory durable, metadata included. */
    public static int fsync(int fd) {
        return check(LIBC.fsync(fd));
    }

    /** Makes a file's data durable, with the metadata needed to read it. After an error the data may be lost. */
    public static int fdatasync(int fd) {
        return check(LIBC.fdatasync(fd));
    }

    /** Starts write-back of a range without waiting for it (SYNC_FILE_RANGE_WRITE, 2). Not a durability barrier. */
    public static int startWriteback(int fd, long offset, long count) {
        return check(LIBC.sync_file_range(fd, offset, count, 2));
    }

    /** Takes an exclusive lock on the open file without waiting; -EAGAIN when somebody else has it. */
    public static int lockExclusively(int fd) {
        return check(LIBC.flock(fd, 2 | 4));
    }

    /**
     * Maps a file, shared.
     *
     * @param writable whether to map for reading and writing or for reading only
     * @return the address, or -errno (no address is negative in user space)
     */
    public static long mapShared(int fd, long length, long offset, boolean writable) {
        long address =
                LIBC.mmap(null, length, writable ? 1 | 2 : 1, 1, fd, offset).address();
        return address == -1 ? -errno() : address;
    }

    /** Maps zeroed private memory that takes a page only when it is touched; returns the address or -errno. */
    public static long mapAnonymous(long length) {
        // PROT_READ | PROT_WRITE; MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE (asm-generic/mman-common.h)
        long address = LIBC.mmap(null, length, 1 | 2, 2 | 0x20 | 0x4000, -1, 0).address();
        return address == -1 ? -errno() : address;
    }

    /**
     * Moves a mapping of {@code length} bytes over another one of the same length, which ceases to exist. Other threads
     * that touch the target see the old bytes or the new ones, never a hole.
     *
     * @return 0 or -errno
     */
    public static int moveMapping(long from, long length, long target) {
        // MREMAP_MAYMOVE | MREMAP_FIXED (linux/mman.h)
        long address = LIBC.mremap(Pointer.wrap(RUNTIME, from), length, length, 1 | 2, Pointer.wrap(RUNTIME, target))
                .address();
        return address == -1 ? -errno() : 0;
    }

    /** Unmaps what {@link #mapShared} or {@link #mapAnonymous} mapped; the caller guarantees that nobody touches it any more. */
    public static int unmap(long address, long length) {
        return check(LIBC.munmap(address, length));
    }

    /**
     * Wraps foreign memory as a buffer with a memory address, without a copy. The memory is not owned: releasing the
     * buffer does not unmap it.
     *
     * @param length bytes, at most 2 GiB - 1
     */
    public static ByteBuf wrap(long address, int length) {
        return Unpooled.wrappedBuffer(wrapNio(address, length));
    }

    /** Wraps foreign memory as a little-endian NIO buffer, without a copy and without ownership. */
    public static ByteBuffer wrapNio(long address, int length) {
        return MemoryIO.getInstance().newDirectByteBuffer(address, length).order(ByteOrder.LITTLE_ENDIAN);
    }

    /** Locks current and future pages once touched (MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT). */
    public static int lockMemory() {
        return check(LIBC.mlockall(1 | 2 | 4));
    }

    /** Calls prctl(2) with one argument. */
    public static int prctl(int option, long argument) {
        return check(LIBC.prctl(option, argument, 0, 0, 0));
    }

    /** Calls ioctl(2); the request is an unsigned 32-bit value, the argument a number or an address. */
    public static int ioctl(int fd, long request, long argument) {
        return check(LIBC.ioctl(fd, request, argument));
    }

    /** Creates an eventfd, non-blocking and close-on-exec (EFD_NONBLOCK | EFD_CLOEXEC). */
    public static int eventfd() {
        return check(LIBC.eventfd(0, OpenFlags.NONBLOCK | OpenFlags.CLOEXEC));
    }

    /** Restricts a thread (0: the calling one) to the CPUs of the mask, bit 0 of byte 0 being CPU 0. */
    public static int setAffinity(int tid, byte[] mask) {
        return check(LIBC.sched_setaffinity(tid, mask.length, mask));
    }

    /** Reads the CPUs that a thread (0: the calling one) may run on. */
    public static int getAffinity(int tid, byte[] mask) {
        return check(LIBC.sched_getaffinity(tid, mask.length, mask));
    }

    /** Creates an inotify descriptor, non-blocking and close-on-exec. */
    public static int inotify() {
        return check(LIBC.inotify_init1(OpenFlags.NONBLOCK | OpenFlags.CLOEXEC));
    }

    /** Watches a path for the events of the mask (linux/inotify.h). */
    public static int watch(int inotifyFd, String path, int mask) {
        return check(LIBC.inotify_add_watch(inotifyFd, path, mask));
    }

    /** Creates a socket, close-on-exec. */
    public static int socket(int domain, int type, int protocol) {
        return check(LIBC.socket(domain, type | OpenFlags.CLOEXEC, protocol));
    }

    /** Binds a socket to a raw sockaddr. */
    public static int bind(int fd, byte[] address) {
        return check(LIBC.bind(fd, address, address.length));
    }

    /** Lets others connect to a bound socket. */
    public static int listen(int fd, int backlog) {
        return check(LIBC.listen(fd, backlog));
    }

    /** Takes a connection; close-on-exec and non-blocking are set. */
    public static int accept(int fd) {
        return check(LIBC.accept4(fd, 0, 0, OpenFlags.NONBLOCK | OpenFlags.CLOEXEC));
    }

    /** Connects to a raw sockaddr. */
    public static int connect(int fd, byte[] address) {
        return check(LIBC.connect(fd, address, address.length));
    }

    /** Receives what the struct msghdr at the address has room for. */
    static long receiveMessage(int fd, long header, int flags) {
        return check(LIBC.recvmsg(fd, header, flags));
    }

    /** Sends what the struct msghdr at the address says. */
    static long sendMessage(int fd, long header, int flags) {
        return check(LIBC.sendmsg(fd, header, flags));
    }

    /** Creates a file that lies in memory and has no name; close-on-exec, and it may be sealed. */
    public static int memoryFile(String name) {
        // MFD_CLOEXEC | MFD_ALLOW_SEALING (linux/memfd.h)
        return check(LIBC.memfd_create(name, 1 | 2));
    }

    /** Forbids a file of {@link #memoryFile} to shrink (F_ADD_SEALS, F_SEAL_SHRINK; linux/fcntl.h). */
    public static int sealAgainstShrinking(int fd) {
        return check(LIBC.fcntl(fd, 1033, 2));
    }

    /** Returns whether a file can't shrink any more; false where seals are unknown. */
    public static boolean isSealedAgainstShrinking(int fd) {
        int seals = check(LIBC.fcntl(fd, 1034, 0)); // F_GET_SEALS
        return seals > 0 && (seals & 2) != 0;
    }

    /**
     * Returns whether a file is of a kind that can be sealed: it lies in memory (tmpfs, memfd, hugetlbfs). Asks no file system,
     * which could be a process that does not answer.
     */
    public static boolean isInMemory(int fd) {
        return LIBC.fcntl(fd, 1034, 0) >= 0; // F_GET_SEALS
    }

    /** Returns whether a write to a descriptor would not have to wait (poll(2), POLLOUT); true too if nobody can tell. Allocates. */
    public static boolean isWritable(int fd) {
        int writable = 4; // poll.h; struct pollfd: int fd | short events | short revents
        ByteBuf descriptor = Unpooled.directBuffer(8).writeIntLE(fd).writeIntLE(writable);
        try {
            int result = LIBC.poll(descriptor.memoryAddress(), 1, 0);
            return result < 0 || (descriptor.getShortLE(6) & writable) != 0;
        } finally {
            descriptor.release();
        }
    }

    /** Returns the domain of a socket (SO_DOMAIN; asm-generic/socket.h), or -errno. Allocates. */
    static int domain(int fd) {
        ByteBuf memory = Unpooled.directBuffer(8).writeIntLE(0).writeIntLE(4);
        try {
            long address = memory.memoryAddress();
            int result = check(LIBC.getsockopt(fd, 1, 39, address, address + 4));
            return result < 0 ? result : memory.getIntLE(0);
        } finally {
            memory.release();
        }
    }

    /** Sets the action of a signal from the struct sigaction at the address, and stores the former one; 0 for neither. */
    static int signalAction(int signal, long action, long former) {
        return check(LIBC.sigaction(signal, action, former));
    }

    /** Maps zeroed private memory that may hold instructions; returns the address or -errno. */
    static long mapExecutable(long length) {
        // PROT_READ | PROT_WRITE | PROT_EXEC; MAP_PRIVATE | MAP_ANONYMOUS (asm-generic/mman-common.h)
        long address = LIBC.mmap(null, length, 1 | 2 | 4, 2 | 0x20, -1, 0).address();
        return address == -1 ? -errno() : address;
    }

    /** Sends a message. */
    public static long send(int fd, byte[] message, int flags) {
        return check(LIBC.send(fd, message, message.length, flags));
    }

    /** Receives a message, waiting for it. */
    public static long receive(int fd, byte[] buffer, int flags) {
        return check(LIBC.recv(fd, buffer, buffer.length, flags));
    }

    private static int check(int result) {
        return result < 0 ? -errno() : result;
    }

    private static long check(long result) {
        return result < 0 ? -errno() : result;
    }

    private static int errno() {
        return LastError.getLastError(RUNTIME);
    }
}
