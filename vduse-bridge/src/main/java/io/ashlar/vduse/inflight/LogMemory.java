package io.ashlar.vduse.inflight;

/**
 * The memory of a {@link QueueRegion}: aligned loads and stores of 2 and 8 bytes, little-endian. The order of the stores in
 * the program is the order in which a successor can find them; tests count them, cut between them and leave some out.
 */
interface LogMemory {
    /** Returns the two bytes at an even offset, 0 to 65535. */
    int load16(int offset);

    /** Returns the eight bytes at an offset that is a multiple of eight. */
    long load64(int offset);

    /** Stores two bytes at an even offset, behind all earlier stores. */
    void store16(int offset, int value);

    /** Stores eight bytes at an offset that is a multiple of eight, behind all earlier stores. */
    void store64(int offset, long value);
}
