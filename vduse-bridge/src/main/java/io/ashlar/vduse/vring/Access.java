package io.ashlar.vduse.vring;

/** What the device may do with a region of the driver's memory (the codes are those of linux/vduse.h, VDUSE_ACCESS_*). */
public enum Access {
    /** The device may only read. */
    READ_ONLY(true, false),
    /** The device may only write. */
    WRITE_ONLY(false, true),
    /** The device may read and write. */
    READ_WRITE(true, true);

    private final boolean readable;
    private final boolean writable;

    Access(boolean readable, boolean writable) {
        this.readable = readable;
        this.writable = writable;
    }

    /** Returns whether the device may read ({@code toWrite} false) or write ({@code toWrite} true). */
    public boolean allows(boolean toWrite) {
        return toWrite ? writable : readable;
    }
}
