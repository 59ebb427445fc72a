package io.ashlar.vduse.blk;

import io.ashlar.base.annotation.ThreadSafe;
import io.ashlar.base.meter.LatencyBuckets;
import java.util.concurrent.atomic.AtomicLongArray;

/**
 * The counters of one virtqueue: written by the loop that serves it, read by anybody. A queue that moves to another loop
 * takes them along once it has been drained, so a cell has a single writer at a time: counting is a plain addition and an
 * opaque store, and a reader sees whole numbers, at most a moment old.
 */
@ThreadSafe
@SuppressWarnings("EnumOrdinal") // indexes of cells in memory, which nothing outside this object ever sees
public final class QueueCounters {
    /** Two cache lines at either end, so that no other loop's counters share one with these. */
    private static final int PADDING = 16;

    private static final int KINDS = RequestKind.values().length;
    private static final int STATUSES = VirtioBlkStatus.values().length;
    private static final int STAGES = QueueStage.values().length;
    private static final int FIGURES = QueueFigure.values().length;
    private static final int BUCKETS = LatencyBuckets.COUNT;

    private static final int ANSWERS = PADDING;
    private static final int BYTES = ANSWERS + KINDS * STATUSES;
    private static final int TIMES = BYTES + KINDS;
    private static final int TIME_SUMS = TIMES + KINDS * BUCKETS;
    private static final int STAGE_TIMES = TIME_SUMS + KINDS;
    private static final int STAGE_SUMS = STAGE_TIMES + STAGES * BUCKETS;
    private static final int FIGURE = STAGE_SUMS + STAGES;
    private static final int CELLS = FIGURE + FIGURES + PADDING;

    private final AtomicLongArray cells = new AtomicLongArray(CELLS);

    /** Counts an answer, and the bytes of the volume that the request moved, zeroed or discarded. */
    void answered(RequestKind kind, VirtioBlkStatus status, long bytes) {
        add(ANSWERS + kind.ordinal() * STATUSES + status.ordinal(), 1);
        if (bytes != 0) {
            add(BYTES + kind.ordinal(), bytes);
        }
    }

    /** Counts what a request took in all, from the kick to the used ring. */
    void took(RequestKind kind, long ns) {
        add(TIMES + kind.ordinal() * BUCKETS + LatencyBuckets.of(ns), 1);
        add(TIME_SUMS + kind.ordinal(), ns);
    }

    /** Counts what so many requests took in a stage, each. */
    void took(QueueStage stage, long ns, int requests) {
        add(STAGE_TIMES + stage.ordinal() * BUCKETS + LatencyBuckets.of(ns), requests);
        add(STAGE_SUMS + stage.ordinal(), ns * requests);
    }

    /** Counts something that happened. By the queue's loop only, as everything that writes. */
    public void add(QueueFigure figure, long amount) {
        add(FIGURE + figure.ordinal(), amount);
    }

    /** Sets a level. */
    public void set(QueueFigure level, long value) {
        cells.setOpaque(FIGURE + level.ordinal(), value);
    }

    /** Returns how many requests were answered so. */
    public long answers(RequestKind kind, VirtioBlkStatus status) {
        return cells.getOpaque(ANSWERS + kind.ordinal() * STATUSES + status.ordinal());
    }

    /** Returns the bytes that such requests moved, zeroed or discarded. */
    public long bytes(RequestKind kind) {
        return cells.getOpaque(BYTES + kind.ordinal());
    }

    /** Returns how many such requests took a time of that bucket in all. */
    public long inBucket(RequestKind kind, int bucket) {
        return cells.getOpaque(TIMES + kind.ordinal() * BUCKETS + bucket);
    }

    /** Returns how long such requests took in all, added up, in nanoseconds. */
    public long sumNs(RequestKind kind) {
        return cells.getOpaque(TIME_SUMS + kind.ordinal());
    }

    /** Returns how many requests took a time of that bucket in the stage. */
    public long inBucket(QueueStage stage, int bucket) {
        return cells.getOpaque(STAGE_TIMES + stage.ordinal() * BUCKETS + bucket);
    }

    /** Returns how long requests took in the stage, added up, in nanoseconds. */
    public long sumNs(QueueStage stage) {
        return cells.getOpaque(STAGE_SUMS + stage.ordinal());
    }

    /** Returns how often it happened, or how high the level is. */
    public long value(QueueFigure figure) {
        return cells.getOpaque(FIGURE + figure.ordinal());
    }

    private void add(int cell, long amount) {
        cells.setOpaque(cell, cells.getPlain(cell) + amount);
    }
}
