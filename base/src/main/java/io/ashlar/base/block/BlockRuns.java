package io.ashlar.base.block;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.status.Status;

/** What a range of a volume holds: adjacent runs of blocks of one kind, in order, from the offset that was asked for. */
@ConfinedTo(LoopKind.DATA)
public final class BlockRuns {
    private final long[] lengths;
    private final Kind[] kinds;
    private int count;

    /** Creates an empty answer with room for {@code runsMax} runs. */
    public BlockRuns(int runsMax) {
        lengths = new long[runsMax];
        kinds = new Kind[runsMax];
    }

    /** What a run of blocks holds. */
    public enum Kind {
        /** Never written; reads as zeroes. */
        ABSENT,
        /** Zeroed or discarded; reads as zeroes. */
        ZERO,
        /** Written. */
        DATA
    }

    /** Takes the answer, on the loop of whoever asked. */
    @FunctionalInterface
    public interface Listener {
        /** Called once; the runs are valid only with {@link Status#OK}. */
        void onRuns(Status status, BlockRuns runs);
    }

    /** Forgets all runs. */
    public void clear() {
        count = 0;
    }

    /** Returns the number of runs. */
    public int count() {
        return count;
    }

    /** Returns the length of run {@code i}, in bytes. */
    public long lengthBytes(int i) {
        return lengths[i];
    }

    /** Returns what run {@code i} holds. */
    public Kind kind(int i) {
        return kinds[i];
    }

    /** Appends bytes of a kind, growing the last run if it is of that kind; returns false when there is no room. */
    public boolean add(Kind kind, long lengthBytes) {
        if (count > 0 && kinds[count - 1] == kind) {
            lengths[count - 1] += lengthBytes;
            return true;
        }
        if (count == lengths.length) {
            return false;
        }
        kinds[count] = kind;
        lengths[count++] = lengthBytes;
        return true;
    }
}
