package io.ashlar.store.volume;

import io.ashlar.base.annotation.ThreadSafe;
import java.util.concurrent.atomic.AtomicLong;

/** How many bytes of a volume were written and not yet flushed: two counters that only rise, so that flushes may overlap. */
@ThreadSafe
final class UnflushedBytes {
    private final long bytesMax;
    private final AtomicLong written = new AtomicLong();
    private final AtomicLong flushed = new AtomicLong();

    UnflushedBytes(long bytesMax) {
        this.bytesMax = bytesMax;
    }

    /** Counts a write; returns whether it is time to flush in the background. */
    boolean add(int bytes) {
        return written.addAndGet(bytes) - flushed.get() > bytesMax / 2;
    }

    /** Returns whether writes must leave the loop and push their data out. */
    boolean isOverBound() {
        return written.get() - flushed.get() > bytesMax;
    }

    /** Returns the mark to give to {@link #flushedUpTo} when a flush that starts now has ended. */
    long mark() {
        return written.get();
    }

    /** Counts what was written before the mark as flushed. */
    void flushedUpTo(long mark) {
        flushed.accumulateAndGet(mark, Math::max);
    }

    /** Returns the unflushed bytes. */
    long value() {
        return written.get() - flushed.get();
    }
}
