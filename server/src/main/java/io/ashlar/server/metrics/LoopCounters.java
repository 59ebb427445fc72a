package io.ashlar.server.metrics;

import io.ashlar.base.annotation.ThreadSafe;
import io.ashlar.base.meter.LatencyBuckets;
import io.ashlar.base.status.Status;
import io.ashlar.protocol.frame.Opcode;
import java.util.concurrent.atomic.AtomicLongArray;

/**
 * The counters of one data loop: written by that loop only, read by anybody. A cell has a single writer, so counting is
 * a plain addition and an opaque store; a reader sees whole numbers, at most a moment old.
 *
 * <p>Latencies are counted in {@link LatencyBuckets}.
 */
@ThreadSafe
@SuppressWarnings("EnumOrdinal") // indexes of cells in memory, which nothing outside this object ever sees
public final class LoopCounters {
    private static final int OPERATIONS = Opcode.values().length;
    private static final int STATUSES = Status.values().length;
    private static final int EVENTS = NodeEvent.values().length;

    private static final int ERRORS = 0;
    private static final int LATENCY = ERRORS + OPERATIONS * STATUSES;
    private static final int LATENCY_SUM = LATENCY + OPERATIONS * LatencyBuckets.COUNT;
    private static final int BYTES = LATENCY_SUM + OPERATIONS;
    private static final int EVENT = BYTES + OPERATIONS;
    private static final int CELLS = EVENT + EVENTS;

    private final AtomicLongArray cells = new AtomicLongArray(CELLS);

    /**
     * Counts a request that has been answered.
     *
     * @param dataBytes bytes of data that it moved
     * @param latencyNs from the arrival of its frame to the encoding of its answer
     */
    public void answered(Opcode opcode, Status status, long dataBytes, long latencyNs) {
        int operation = opcode.ordinal();
        add(ERRORS + operation * STATUSES + status.ordinal(), 1);
        add(LATENCY + operation * LatencyBuckets.COUNT + LatencyBuckets.of(latencyNs), 1);
        add(LATENCY_SUM + operation, latencyNs);
        if (dataBytes != 0) {
            add(BYTES + operation, dataBytes);
        }
    }

    /** Counts something that happened. */
    public void happened(NodeEvent event) {
        add(EVENT + event.ordinal(), 1);
    }

    /** Moves a level, such as the number of open connections, up or down. */
    public void moved(NodeEvent level, int by) {
        add(EVENT + level.ordinal(), by);
    }

    /** Returns how many requests of the operation ended so. */
    public long answers(Opcode opcode, Status status) {
        return cells.getOpaque(ERRORS + opcode.ordinal() * STATUSES + status.ordinal());
    }

    /** Returns how many requests of the operation fell into the latency bucket. */
    public long inBucket(Opcode opcode, int bucket) {
        return cells.getOpaque(LATENCY + opcode.ordinal() * LatencyBuckets.COUNT + bucket);
    }

    /** Returns the sum of the operation's latencies, in nanoseconds. */
    public long latencySumNs(Opcode opcode) {
        return cells.getOpaque(LATENCY_SUM + opcode.ordinal());
    }

    /** Returns the bytes of data that the operation moved. */
    public long bytes(Opcode opcode) {
        return cells.getOpaque(BYTES + opcode.ordinal());
    }

    /** Returns how often it happened, or how high the level is. */
    public long count(NodeEvent event) {
        return cells.getOpaque(EVENT + event.ordinal());
    }

    private void add(int cell, long amount) {
        cells.setOpaque(cell, cells.getPlain(cell) + amount);
    }
}
