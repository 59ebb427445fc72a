package io.ashlar.base.net;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.loop.MemorySource;
import java.util.Arrays;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The sources in memory that a loop looks at: those that have had work since it slept last. */
@ConfinedTo(LoopKind.DATA)
final class WatchedSources {
    private static final Logger LOG = LoggerFactory.getLogger(WatchedSources.class);

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
                work(sources[i]);
                worked++;
            }
        }
        return worked;
    }

    /** A defect costs the source its watch, and not the loop its thread, with everything else that is served there. */
    private void work(MemorySource source) {
        try {
            source.work();
        } catch (RuntimeException e) {
            LOG.error("{} failed and is looked at no more", source, e);
            remove(source);
        }
    }

    /** Arms all and ends the watch of those that have nothing to do; returns whether one has. */
    boolean arm() {
        int kept = 0;
        for (int i = 0; i < count; i++) {
            if (sources[i].arm()) {
                sources[kept++] = sources[i];
            }
        }
        Arrays.fill(sources, kept, count, null);
        count = kept;
        return kept > 0;
    }
}
