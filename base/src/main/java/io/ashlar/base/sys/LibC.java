package io.ashlar.base.sys;

import jnr.ffi.Pointer;
import jnr.ffi.annotations.In;
import jnr.ffi.annotations.Out;
import jnr.ffi.types.mode_t;
import jnr.ffi.types.off_t;
import jnr.ffi.types.size_t;
import jnr.ffi.types.ssize_t;

/**
 * The C functions we call, under their own names. Addresses are passed as {@code long}. Only {@link Linux} calls it; a
 * negative result there means -errno, as the kernel itself has it.
 */
@SuppressWarnings("checkstyle:MethodName")
public interface LibC {
    int open(CharSequence path, int flags, @mode_t long mode);

    int close(int fd);

    @ssize_t
    long read(int fd, long buffer, @size_t long count);

    @ssize_t
    long write(int fd, long buffer, @size_t long count);

    @ssize_t
    long pread(int fd, long buffer, @size_t long count, @off_t long offset);

    @ssize_t
    long pwrite(int fd, long buffer, @size_t long count, @off_t long offset);

    @ssize_t
    long preadv2(int fd, long iov, int iovCount, @off_t long offset, int flags);

    @ssize_t
    long pwritev(int fd, long iov, int iovCount, @off_t long offset);

    int fallocate(int fd, int mode, @off_t long offset, @off_t long length);

    int ftruncate(int fd, @off_t long length);

    int statx(int folderFd, CharSequence path, int flags, int mask, long result);

    int fsync(int fd);

    int fdatasync(int fd);

    int sync_file_range(int fd, @off_t long offset, @off_t long count, int flags);

    int flock(int fd, int operation);

    // Pointers, not long: jnr-ffi 2.3.4 passes the sixth of six plain integers wrongly.
    Pointer mmap(Pointer address, @size_t long length, int protection, int flags, int fd, @off_t long offset);

    int munmap(long address, @size_t long length);

    Pointer mremap(Pointer old, @size_t long oldLength, @size_t long newLength, int flags, Pointer target);

    int mlockall(int flags);

    int prctl(int option, long arg2, long arg3, long arg4, long arg5);

    int ioctl(int fd, long request, long argument);

    int eventfd(int initial, int flags);

    int sched_setaffinity(int pid, @size_t long size, @In byte[] mask);

    int sched_getaffinity(int pid, @size_t long size, @Out byte[] mask);

    int inotify_init1(int flags);

    int inotify_add_watch(int fd, CharSequence path, int mask);

    int socket(int domain, int type, int protocol);

    int bind(int fd, @In byte[] address, int length);

    int listen(int fd, int backlog);

    int accept4(int fd, long address, long addressLength, int flags);

    int connect(int fd, @In byte[] address, int length);

    @ssize_t
    long recvmsg(int fd, long header, int flags);

    @ssize_t
    long sendmsg(int fd, long header, int flags);

    int memfd_create(CharSequence name, int flags);

    int fcntl(int fd, int command, long argument);

    int getsockopt(int fd, int level, int option, long value, long length);

    int poll(long descriptors, long count, int timeoutMs);

    int fstatfs(int fd, long result);

    int sigaction(int signal, long action, long oldAction);

    @ssize_t
    long send(int fd, @In byte[] buffer, @size_t long length, int flags);

    @ssize_t
    long recv(int fd, @Out byte[] buffer, @size_t long length, int flags);
}
