package io.ashlar.base.sys;

/** Flags of open(2), from {@code asm-generic/fcntl.h}; the same numbers on x86-64 and aarch64. */
public final class OpenFlags {
    /** O_RDONLY. */
    public static final int READ_ONLY = 0;
    /** O_WRONLY. */
    public static final int WRITE_ONLY = 1;
    /** O_RDWR. */
    public static final int READ_WRITE = 2;
    /** O_CREAT. */
    public static final int CREATE = 0x40;
    /** O_EXCL. */
    public static final int EXCLUSIVE = 0x80;
    /** O_TRUNC. */
    public static final int TRUNCATE = 0x200;
    /** O_NONBLOCK; also EFD_NONBLOCK and IN_NONBLOCK. */
    public static final int NONBLOCK = 0x800;
    /** O_CLOEXEC; also EFD_CLOEXEC and IN_CLOEXEC. */
    public static final int CLOEXEC = 0x80000;

    private OpenFlags() {}
}
