package io.ashlar.vduse.vring;

/**
 * Why a virtqueue can't be served any more: its driver broke a rule of virtio 1.2 that leaves no way to answer. The section
 * that holds the rule is named with each.
 */
public enum VringFault {
    /** A ring lies outside the mapped regions, crosses a window or may not be accessed as it must (2.7). */
    RING_NOT_MAPPED("a ring is not in mapped memory"),
    /** A ring is not aligned to 16, 2 or 4 bytes (2.7). */
    RING_MISALIGNED("a ring is misaligned"),
    /** avail.idx is further ahead than the ring is long (2.7.13.3). */
    AVAIL_INDEX_JUMP("avail.idx is more than the ring size ahead"),
    /** An entry of the avail ring is not an index into the descriptor table (2.7.6). */
    HEAD_OUT_OF_RANGE("head of a chain outside the descriptor table"),
    /** A head was made available again before the device had used it (2.7.13). */
    HEAD_IN_FLIGHT("head of a chain is in flight already"),
    /** A descriptor's next is not an index into its table (2.7.5). */
    NEXT_OUT_OF_RANGE("next descriptor outside its table"),
    /** More descriptors than the queue size allows, or a loop (2.7.5.3.1). */
    CHAIN_TOO_LONG("descriptor chain is too long or a loop"),
    /** A device-readable descriptor behind a device-writable one (2.7.4.2). */
    READABLE_AFTER_WRITABLE("readable descriptor behind a writable one"),
    /** An indirect descriptor inside an indirect table, or one with a next (2.7.5.3.1). */
    INDIRECT_NESTED("indirect descriptor inside an indirect table, or with a next"),
    /** An indirect descriptor though the feature was not negotiated (2.7.5.3). */
    INDIRECT_NOT_NEGOTIATED("indirect descriptor without the feature"),
    /** An indirect table that is empty, not a multiple of 16 bytes or too long (2.7.5.3). */
    INDIRECT_TABLE_SIZE("indirect table of a bad size"),
    /** A descriptor, or an indirect table, outside the mapped regions or against their permission (2.7.5). */
    ADDRESS_NOT_MAPPED("descriptor outside mapped memory"),
    /** A chain too short for its request header (5.2.6). */
    HEADER_MISSING("request without a whole header"),
    /** A chain without a device-writable byte for the status (5.2.6). */
    STATUS_MISSING("request without a status byte");

    private final String text;

    VringFault(String text) {
        this.text = text;
    }

    /** Returns a few lower-case words for people. */
    public String text() {
        return text;
    }
}
