package io.ashlar.base.net;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.loop.MemorySource;
import java.util.Arrays;

/** The sources in memory that a loop looks at: those that have had work since it slept last. */
@ConfinedTo(LoopKind.DATA)
final class WatchedSources {
    private MemorySource[] sources = new MemorySource[8];
    private int count;

    /** Begins a watch, unless there is one. */
    void add(MemorySource source) {
        if (indexOf(source) >= 0) {
            return;
        }
        if (count == sources.length) {
            sources = Arrays.copyOf(sources, 2 * count);
        }
        sources[count++] = source;
    }

    /** Ends a watch, perhaps from within {@link #work}. */
    void remove(MemorySource source) {
        int index = indexOf(source);
        if (index >= 0) {
            sources[index] = sources[--count];
            sources[count] = null;
        }
    }

    private int indexOf(MemorySource source) {
        for (int i = 0; i < count; i++) {
            if (sources[i] == source) {
                return i;
            }
        }
        return -1;
    }

    /** Returns whether one has something to do. */
    boolean haveWork() {
        for (int i = 0; i < count; i++) {
            if (sources[i].hasWork()) {
                return true;
            }
        }
        return false;
    }

    /** Lets each work that has something to do; returns how many did. */
    int work() {
        int worked = 0;
        for (int i = count - 1; i >= 0; i--) { // backwards: what takes the place of a removed one has had its turn
            if (i < count && sources[i].hasWork()) {
                sources[i].work();
                worked++;
            }
        }
        return worked;
    }

    /** Arms all and ends the watch of those that have nothing to do; returns whether one has. */
    boolean arm() {
        int kept = 0;
        for (int i = 0; i < count; i++) {
            MemorySource source = sources[i];
            sources[i] = null;
            if (source.arm()) {
                sources[kept++] = source;
            }
        }
        count = kept;
        return kept > 0;
    }
}
