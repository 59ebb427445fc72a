package io.ashlar.base.sys;

/** Modes of fallocate(2), from {@code linux/falloc.h}. */
public final class FallocateMode {
    /** Allocates the range. */
    public static final int ALLOCATE = 0;
    /** Does not change the file's size. */
    public static final int KEEP_SIZE = 0x01;
    /** Deallocates the range; needs {@link #KEEP_SIZE}. */
    public static final int PUNCH_HOLE = 0x02;
    /** Makes the range read as zeroes, allocated where the file system can. */
    public static final int ZERO_RANGE = 0x10;

    private FallocateMode() {}
}
