package io.ashlar.store.meter;

import io.ashlar.base.annotation.ThreadSafe;
import java.util.concurrent.atomic.LongAdder;

/** What the store has counted since the folder was opened, over all volumes. Read by /metrics and by tests. */
@ThreadSafe
public final class StoreCounters {
    private final LongAdder handOffs = new LongAdder();
    private final LongAdder parked = new LongAdder();
    private final LongAdder fileSyncs = new LongAdder();
    private final LongAdder intentSyncs = new LongAdder();
    private final LongAdder tornBlocks = new LongAdder();
    private final LongAdder previousBlocks = new LongAdder();
    private final LongAdder unreadableBlocks = new LongAdder();
    private final LongAdder regionsRecovered = new LongAdder();
    private final LongAdder corruptBlocks = new LongAdder();
    private final LongAdder syncFailures = new LongAdder();

    /** Requests, or parts of them, that left their loop for the I/O pool; 0 in the steady state. */
    public LongAdder handOffs() {
        return handOffs;
    }

    /** Requests that waited for an overlapping one. */
    public LongAdder parked() {
        return parked;
    }

    /** fdatasync calls on extents' files. */
    public LongAdder fileSyncs() {
        return fileSyncs;
    }

    /** fdatasync calls that made write intents durable. */
    public LongAdder intentSyncs() {
        return intentSyncs;
    }

    /** Blocks that recovery found with neither checksum matching, and took as they lay. */
    public LongAdder tornBlocks() {
        return tornBlocks;
    }

    /** Blocks that recovery found as they were before their last write, of which it then knows nothing more. */
    public LongAdder previousBlocks() {
        return previousBlocks;
    }

    /** Blocks that couldn't be read to be settled, and were left as they are. */
    public LongAdder unreadableBlocks() {
        return unreadableBlocks;
    }

    /** Regions that recovery has settled. */
    public LongAdder regionsRecovered() {
        return regionsRecovered;
    }

    /** Blocks answered as corrupt. */
    public LongAdder corruptBlocks() {
        return corruptBlocks;
    }

    /** Syncs that failed; each has failed its extent until the next start. */
    public LongAdder syncFailures() {
        return syncFailures;
    }
}
