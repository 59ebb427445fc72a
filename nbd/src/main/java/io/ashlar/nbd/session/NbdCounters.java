package io.ashlar.nbd.session;

import io.ashlar.base.annotation.ThreadSafe;
import io.ashlar.base.meter.LatencyBuckets;
import io.ashlar.nbd.wire.Command;
import io.ashlar.nbd.wire.NbdError;
import java.util.concurrent.atomic.AtomicLongArray;

/**
 * What one data loop's connections have been answered: written by that loop, read by anybody. Counting is a plain addition
 * and an opaque store; a reader sees whole numbers, at most a moment old.
 */
@ThreadSafe
@SuppressWarnings("EnumOrdinal") // indexes of cells in memory, which nothing outside this object ever sees
public final class NbdCounters {
    /** Two cache lines at either end, so that no other loop's counters share one with these. */
    private static final int PADDING = 16;

    private static final int COMMANDS = Command.values().length;
    private static final int ERRORS = NbdError.values().length;
    private static final int ANSWERS = PADDING;
    private static final int BYTES = ANSWERS + COMMANDS * ERRORS;
    private static final int TIMES = BYTES + COMMANDS;
    private static final int TIME_SUMS = TIMES + COMMANDS * LatencyBuckets.COUNT;
    private static final int IN_FLIGHT = TIME_SUMS + COMMANDS;
    private static final int CELLS = IN_FLIGHT + 1 + PADDING;

    private final AtomicLongArray cells = new AtomicLongArray(CELLS);

    /** Counts an answer, the bytes of the volume that it was about, and the time since the request was decoded. */
    void answered(Command command, NbdError error, long bytes, long ns) {
        int row = command.ordinal();
        add(ANSWERS + row * ERRORS + error.ordinal(), 1);
        add(TIMES + row * LatencyBuckets.COUNT + LatencyBuckets.of(ns), 1);
        add(TIME_SUMS + row, ns);
        if (error == NbdError.NONE && bytes != 0) {
            add(BYTES + row, bytes);
        }
    }

    /** Counts requests, and pieces of long ones, in or out. */
    void inFlight(int change) {
        add(IN_FLIGHT, change);
    }

    /** Returns how many requests were answered so. */
    public long answers(Command command, NbdError error) {
        return cells.getOpaque(ANSWERS + command.ordinal() * ERRORS + error.ordinal());
    }

    /** Returns the bytes of the volume that such requests, answered well, were about. */
    public long bytes(Command command) {
        return cells.getOpaque(BYTES + command.ordinal());
    }

    /** Returns how many such requests took a time of that bucket. */
    public long inBucket(Command command, int bucket) {
        return cells.getOpaque(TIMES + command.ordinal() * LatencyBuckets.COUNT + bucket);
    }

    /** Returns how long such requests took, added up, in nanoseconds. */
    public long sumNs(Command command) {
        return cells.getOpaque(TIME_SUMS + command.ordinal());
    }

    /** Returns how many requests, and pieces of long ones, the volume has now. */
    public long inFlight() {
        return cells.getOpaque(IN_FLIGHT);
    }

    private void add(int cell, long amount) {
        cells.setOpaque(cell, cells.getPlain(cell) + amount);
    }
}
