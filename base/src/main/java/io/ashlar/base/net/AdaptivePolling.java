package io.ashlar.base.net;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.time.Clock;
import io.netty.channel.SelectStrategy;
import io.netty.util.IntSupplier;

/**
 * How a data loop waits for events: it looks again for a few tens of microseconds before it sleeps, as long as that has
 * paid lately. Being woken is what a request at depth 1 waits for most; but an idle host burns nothing, because a loop whose
 * events come seldom stops looking after a few of them.
 *
 * <p>A loop learns one thing of the time when answers of its peers are due and another of the time when none are. A node on
 * the same CPU can't answer while the loop looks; the next request of an application on another CPU comes the sooner for it.
 *
 * <p>Sources in memory are looked at as well, and armed only before the loop sleeps.
 */
@ConfinedTo(LoopKind.DATA)
final class AdaptivePolling implements SelectStrategy {
    private final Clock clock;
    private final WatchedSources watched = new WatchedSources();
    private final Patience whenAnswersAreDue = new Patience();
    private final Patience whenNoneAre = new Patience();
    private Patience patience = whenNoneAre;
    private int answersDue;
    private boolean slept;
    private long waitedSinceNs;
    private long handledNs;

    AdaptivePolling(Clock clock) {
        this.clock = clock;
    }

    /** Returns the sources in memory that the loop looks at while it is awake. */
    WatchedSources watched() {
        return watched;
    }

    /** Says that so many more answers are due, or fewer. */
    void answersDue(int change) {
        answersDue += change;
    }

    /** Says how long the events that ended the last wait took to be handled: that was no waiting. */
    void handled(long durationNs) {
        handledNs += durationNs;
    }

    /** Lets the sources in memory work that have something to do; returns how many. */
    int workInMemory() {
        if (!watched.haveWork()) {
            return 0;
        }
        long startNs = clock.nowNs();
        int worked = watched.work();
        handled(clock.nowNs() - startNs);
        return worked;
    }

    /**
     * Returns the number of events that are there, perhaps none if a source in memory has work, or
     * {@link SelectStrategy#SELECT} to sleep.
     */
    @Override
    public int calculateStrategy(IntSupplier eventsNow, boolean hasTasks) throws Exception {
        if (hasTasks) {
            return eventsNow.get();
        }
        long startNs = clock.nowNs();
        if (slept) {
            slept = false;
            patience.learn(startNs - waitedSinceNs - handledNs);
        }
        handledNs = 0;
        patience = answersDue > 0 ? whenAnswersAreDue : whenNoneAre;
        if (watched.haveWork()) {
            patience.hit();
            return eventsNow.get(); // those at the sockets have their turn too
        }
        long nowNs = startNs;
        while (nowNs - startNs < patience.pollNs()) {
            int events = eventsNow.get();
            if (events > 0 || watched.haveWork()) {
                patience.hit();
                return events;
            }
            nowNs = clock.nowNs();
        }
        if (watched.arm()) {
            return eventsNow.get();
        }
        patience.miss();
        slept = true;
        waitedSinceNs = startNs;
        return SELECT;
    }
}
