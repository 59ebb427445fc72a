package io.ashlar.client.range;

/** Someone who waits for ranges: a queue on its loop. */
public interface RangeOwner {
    /** Says that a claim of this owner may have been granted. Called by any loop; posts at most one wake-up. */
    void wake();
}
