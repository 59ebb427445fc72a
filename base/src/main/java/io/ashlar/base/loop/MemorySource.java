package io.ashlar.base.loop;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;

/**
 * Work that shows in memory, and as an event only to whoever asks for one: a ring that a driver fills. While its loop is awake
 * the loop looks there, and the driver is spared the sign. See {@link Loop#watch}.
 */
@ConfinedTo(LoopKind.DATA)
public interface MemorySource {
    /** Returns whether there is something to do. Called at every turn of the loop: reads memory and nothing else. */
    boolean hasWork();

    /** Does what there is to do, up to a fair share of the loop's time. */
    void work();

    /**
     * Asks for an event with whatever comes next, because the loop is about to sleep.
     *
     * @return whether something came before that could be known: there will be no event for it
     */
    boolean arm();
}
