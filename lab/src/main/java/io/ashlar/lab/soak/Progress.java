package io.ashlar.lab.soak;

import io.ashlar.base.annotation.ThreadSafe;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;

/** What the load has done and seen, for the thread of the events and for the summary. */
@ThreadSafe
final class Progress {
    /** Beyond these, more of the same would tell nothing. */
    private static final int PROBLEMS_MAX = 20;

    private final Map<SoakEvent, Long> pausesNs = new EnumMap<>(SoakEvent.class);
    private final List<String> problems = new ArrayList<>();
    private SoakEvent event = SoakEvent.NONE;
    private long requests;
    private long blocksRead;
    private long connections;
    private boolean ending;
    private boolean ended;

    /** What is being done to the processes; the pauses that end from now on are its. */
    synchronized void during(SoakEvent newEvent) {
        event = newEvent;
    }

    synchronized void paused(long ns) {
        pausesNs.merge(event, ns, Math::max);
    }

    /** Returns the longest time without any answer, with something in flight, for each event. */
    synchronized Map<SoakEvent, Long> pausesNs() {
        return new EnumMap<>(pausesNs);
    }

    synchronized void answered(int blocksChecked) {
        requests++;
        blocksRead += blocksChecked;
    }

    synchronized long requests() {
        return requests;
    }

    synchronized long blocksRead() {
        return blocksRead;
    }

    synchronized void connected() {
        connections++;
    }

    synchronized long connections() {
        return connections;
    }

    synchronized void failed(String problem) {
        if (problems.size() < PROBLEMS_MAX) {
            problems.add(problem);
        }
    }

    synchronized boolean hasFailed() {
        return !problems.isEmpty();
    }

    synchronized List<String> problems() {
        return List.copyOf(problems);
    }

    /** Asks the load to end: what is in flight is awaited, then the whole disk is read. */
    synchronized void end() {
        ending = true;
    }

    synchronized boolean isEnding() {
        return ending || !problems.isEmpty();
    }

    synchronized void ended() {
        ended = true;
    }

    synchronized boolean hasEnded() {
        return ended;
    }
}
