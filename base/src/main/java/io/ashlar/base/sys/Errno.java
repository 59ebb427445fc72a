package io.ashlar.base.sys;

import io.ashlar.base.status.Status;

/** Error numbers that some caller reacts to, from {@code asm-generic/errno-base.h} and {@code errno.h}. */
public final class Errno {
    /** Operation not permitted. */
    public static final int EPERM = 1;
    /** No such file or directory. */
    public static final int ENOENT = 2;
    /** Interrupted system call. */
    public static final int EINTR = 4;
    /** Input/output error. */
    public static final int EIO = 5;
    /** Try again. */
    public static final int EAGAIN = 11;
    /** Out of memory. */
    public static final int ENOMEM = 12;
    /** Permission denied. */
    public static final int EACCES = 13;
    /** Device or resource busy. */
    public static final int EBUSY = 16;
    /** File exists. */
    public static final int EEXIST = 17;
    /** No such device. */
    public static final int ENODEV = 19;
    /** Invalid argument. */
    public static final int EINVAL = 22;
    /** Too many open files in system. */
    public static final int ENFILE = 23;
    /** Too many open files. */
    public static final int EMFILE = 24;
    /** No space left on device. */
    public static final int ENOSPC = 28;
    /** Read-only file system. */
    public static final int EROFS = 30;
    /** Operation not supported. */
    public static final int EOPNOTSUPP = 95;
    /** Nothing is sent, or begun, any more. */
    public static final int ESHUTDOWN = 108;
    /** Connection refused. */
    public static final int ECONNREFUSED = 111;
    /** Disk quota exceeded. */
    public static final int EDQUOT = 122;

    private Errno() {}

    /**
     * Returns the status of a file operation that ended with {@code result}, a count or -errno. A shortage of memory or
     * descriptors passes and says nothing about the disk, so it is no I/O error: whoever asked asks again.
     */
    public static Status toStatus(long result) {
        if (result >= 0) {
            return Status.OK;
        }
        return switch ((int) -result) {
            case ENOSPC, EDQUOT -> Status.NO_SPACE;
            case EROFS -> Status.READ_ONLY;
            case ESHUTDOWN -> Status.UNAVAILABLE;
            case ENOMEM, ENFILE, EMFILE -> Status.BUSY;
            default -> Status.IO_ERROR;
        };
    }

    /** Returns whether an error, positive or negative, says nothing about the file: memory or descriptors are short. */
    public static boolean isShortage(int errno) {
        int number = Math.abs(errno);
        return number == ENOMEM || number == ENFILE || number == EMFILE;
    }

    /** Returns the usual name and words for an errno, for messages to people. */
    public static String describe(long result) {
        return switch ((int) Math.abs(result)) {
            case EPERM -> "EPERM, operation not permitted";
            case ENOENT -> "ENOENT, no such file or directory";
            case EINTR -> "EINTR, interrupted";
            case EIO -> "EIO, input/output error";
            case EAGAIN -> "EAGAIN, try again";
            case ENOMEM -> "ENOMEM, out of memory";
            case EACCES -> "EACCES, permission denied";
            case EBUSY -> "EBUSY, device or resource busy";
            case EEXIST -> "EEXIST, exists already";
            case ENODEV -> "ENODEV, no such device";
            case EINVAL -> "EINVAL, invalid argument";
            case ENFILE -> "ENFILE, too many open files in system";
            case EMFILE -> "EMFILE, too many open files";
            case ENOSPC -> "ENOSPC, no space left on device";
            case EROFS -> "EROFS, read-only file system";
            case EOPNOTSUPP -> "EOPNOTSUPP, not supported";
            case ESHUTDOWN -> "ESHUTDOWN, shut down";
            case ECONNREFUSED -> "ECONNREFUSED, connection refused";
            case EDQUOT -> "EDQUOT, quota exceeded";
            default -> "errno " + Math.abs(result);
        };
    }
}
