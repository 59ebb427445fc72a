package io.ashlar.base.block;

/** What a {@link BlockRequest} asks for. */
public enum Operation {
    /** Fills the request's memory from the volume. */
    READ(true, false),
    /** Stores the request's memory. */
    WRITE(true, true),
    /** Makes exactly the range read as zeroes; deallocates only with {@link BlockRequest#UNMAP}. */
    WRITE_ZEROES(false, true),
    /** Deallocates the whole 4 KiB blocks inside the range, which then read as zeroes; partial edges stay. */
    DISCARD(false, true),
    /** Makes every write that was acknowledged before this request was submitted durable. */
    FLUSH(false, false);

    private final boolean carriesData;
    private final boolean changes;

    Operation(boolean carriesData, boolean changes) {
        this.carriesData = carriesData;
        this.changes = changes;
    }

    /** Returns whether the request has memory attached. */
    public boolean carriesData() {
        return carriesData;
    }

    /** Returns whether the request changes bytes of the volume. */
    public boolean changes() {
        return changes;
    }
}
