package io.ashlar.client.volume;

import io.ashlar.base.annotation.ThreadSafe;
import java.util.concurrent.atomic.LongAdder;

/** What a volume counts. Only rare events and connections: requests are counted by whoever submits them. */
@ThreadSafe
public final class VolumeCounters {
    final LongAdder connected = new LongAdder();
    final LongAdder lost = new LongAdder();
    final LongAdder resent = new LongAdder();
    final LongAdder heldBack = new LongAdder();
    final LongAdder wakeUps = new LongAdder();
    final LongAdder privateCopies = new LongAdder();
    final LongAdder corruptAnswers = new LongAdder();
    final LongAdder abandoned = new LongAdder();

    /** Returns how often a queue's connection became ready. */
    public long connected() {
        return connected.sum();
    }

    /** Returns how many queues have a connection that is ready now. */
    public long connectedNow() {
        return connected.sum() - lost.sum();
    }

    /** Returns how many requests were sent again after a connection broke. */
    public long resent() {
        return resent.sum();
    }

    /** Returns how many requests had to wait for one that they overlap. */
    public long heldBack() {
        return heldBack.sum();
    }

    /** Returns how many wake-ups were posted from one loop to another because of that. */
    public long wakeUps() {
        return wakeUps.sum();
    }

    /** Returns how many writes were sent again from a copy, because their bytes had changed on the way. */
    public long privateCopies() {
        return privateCopies.sum();
    }

    /** Returns how many reads came with data that did not match its checksums. */
    public long corruptAnswers() {
        return corruptAnswers.sum();
    }

    /** Returns how many requests were failed while the node could not be reached. */
    public long abandoned() {
        return abandoned.sum();
    }
}
