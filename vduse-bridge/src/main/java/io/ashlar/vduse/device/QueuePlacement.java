package io.ashlar.vduse.device;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import java.util.BitSet;

/**
 * Decides which CPU's loop serves a virtqueue, and what affinity its completions get: the two should be the same CPU.
 *
 * <pre>
 *   mask of the queue and our CPUs     loop                     mask
 *   meet in one CPU                    that one                 stays
 *   meet in several                    least loaded of them     narrowed to it, unless masks are to be kept
 *   don't meet                         least loaded of ours     written: that one (said in the log)
 * </pre>
 *
 * Load is the number of queues per loop, over all devices of the host, since the loops are shared. CPUs that are offline
 * are not ours meanwhile, unless all are.
 */
@ConfinedTo(LoopKind.CONTROL)
public final class QueuePlacement {
    /**
     * Where a queue goes.
     *
     * @param cpu the CPU whose loop serves it
     * @param mask what to write to the queue's affinity, or null to leave it
     * @param forced whether mask and CPUs did not meet
     */
    record Choice(int cpu, BitSet mask, boolean forced) {}

    private final BitSet all;
    private final boolean keepMasks;
    private final int[] queuesOf;
    private BitSet cpus;

    /**
     * Creates one.
     *
     * @param cpus the CPUs that have a loop; at least one
     * @param keepMasks whether a mask of several CPUs is left as it is
     */
    public QueuePlacement(BitSet cpus, boolean keepMasks) {
        all = (BitSet) cpus.clone();
        this.cpus = all;
        this.keepMasks = keepMasks;
        queuesOf = new int[cpus.length()];
    }

    /** Takes note of the CPUs that are online. Queues are moved by whoever asks {@link #replace} for them. */
    void setOnline(BitSet online) {
        BitSet usable = (BitSet) all.clone();
        usable.and(online);
        cpus = usable.isEmpty() ? all : usable;
    }

    /** Chooses for a queue that has no loop yet, and counts it. */
    Choice place(BitSet mask) {
        BitSet common = (BitSet) cpus.clone();
        common.and(mask);
        boolean forced = common.isEmpty();
        int cpu = leastLoaded(forced ? cpus : common);
        queuesOf[cpu]++;
        BitSet wanted = new BitSet();
        wanted.set(cpu);
        boolean narrow = mask.cardinality() > 1 && !keepMasks;
        return new Choice(cpu, forced || narrow ? wanted : null, forced);
    }

    /** Chooses for a queue that has a loop, after a change of its mask or of the CPUs: it stays where it may. */
    Choice replace(int current, BitSet mask) {
        if (mask.get(current) && cpus.get(current)) {
            return new Choice(current, null, false);
        }
        remove(current);
        BitSet common = (BitSet) cpus.clone();
        common.and(mask);
        boolean forced = common.isEmpty();
        int cpu = forced && cpus.get(current) ? current : leastLoaded(forced ? cpus : common);
        queuesOf[cpu]++;
        // The operator's word stands: a mask that was written by hand is followed as far as we can, never overwritten.
        return new Choice(cpu, null, forced);
    }

    /** Takes a queue out of the count. */
    void remove(int cpu) {
        queuesOf[cpu]--;
    }

    private int leastLoaded(BitSet candidates) {
        int best = candidates.nextSetBit(0);
        for (int cpu = best; cpu >= 0; cpu = candidates.nextSetBit(cpu + 1)) {
            if (queuesOf[cpu] < queuesOf[best]) {
                best = cpu;
            }
        }
        return best;
    }
}
