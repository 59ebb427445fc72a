package io.ashlar.client.volume;

import com.google.protobuf.ByteString;
import io.ashlar.base.annotation.ThreadSafe;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Whether acknowledged writes of a volume can have been lost with the page cache of a node whose machine was restarted, or
 * that was itself restarted after its disk had failed: until then it fails every flush, from then on it may not know.
 *
 * <p>Flushes are numbered in the order in which they are sent. Each queue remembers how many had been started when it
 * last acknowledged a write; that write is durable when a flush with a higher number has succeeded. When a connection
 * meets another boot id, or after a failure another start id, while some queue has an acknowledged write that is not durable,
 * the write may be gone, and no later flush of this volume may be acknowledged.
 *
 * <p>A connection of before the restart may still have answers in its receive buffer. So an acknowledgement is entered
 * first and the generation of starts looked at second, while a new id raises the generation first and looks at the
 * acknowledgements second: one of them sees the other.
 */
@ThreadSafe
final class Durability {
    private final AtomicLong flushesStarted = new AtomicLong();
    private final AtomicLong flushedUpTo = new AtomicLong();
    private final List<Stamp> stamps = new ArrayList<>();
    private final Stamp orphaned = new Stamp();
    private volatile int generation;
    private ByteString bootId;
    private ByteString startId;
    /** How many flushes had been started when the disk last failed; until one with a higher number succeeds it counts as failed. */
    private long flushesStartedAtFailure = -1;

    /** What one queue, on its loop, knows of its acknowledgements. */
    final class Stamp {
        private final AtomicLong flushesStartedAtLastAck = new AtomicLong(-1);

        /**
         * Notes that a write is about to be acknowledged.
         *
         * @param connectionGeneration the generation of the connection that answered
         * @return false when the answer is from before a restart: it must not be acknowledged
         */
        boolean acknowledge(int connectionGeneration) {
            long started = flushesStarted.get();
            if (flushesStartedAtLastAck.getPlain() != started) {
                flushesStartedAtLastAck.set(started);
            }
            return generation == connectionGeneration;
        }

        private boolean isDurable() {
            return flushesStartedAtLastAck.get() < flushedUpTo.get();
        }
    }

    /** Adds a queue. */
    synchronized Stamp register() {
        Stamp stamp = new Stamp();
        stamps.add(stamp);
        return stamp;
    }

    /** Removes a queue; what it acknowledged still counts. */
    synchronized void unregister(Stamp stamp) {
        stamps.remove(stamp);
        long last = stamp.flushesStartedAtLastAck.get();
        orphaned.flushesStartedAtLastAck.accumulateAndGet(last, Math::max);
    }

    /** Returns the number of a flush that is about to be sent. */
    long flushStarting() {
        return flushesStarted.incrementAndGet();
    }

    /** Notes that the flush with this number has succeeded. */
    void flushEnded(long number) {
        flushedUpTo.accumulateAndGet(number, Math::max);
    }

    /**
     * Notes that the node has failed a flush or a write.
     *
     * @param connectionGeneration the generation of the connection that answered
     * @return false when it has been restarted since, so that acknowledged writes may have been lost
     */
    synchronized boolean diskFailed(int connectionGeneration) {
        if (generation != connectionGeneration) {
            return isAllDurable();
        }
        flushesStartedAtFailure = flushesStarted.get();
        return true;
    }

    /**
     * Takes the ids that a new connection has met.
     *
     * @return the generation of that connection, or -1 when acknowledged writes may have been lost
     */
    synchronized int greeted(ByteString newBootId, ByteString newStartId) {
        boolean first = bootId == null;
        boolean rebooted = !first && !bootId.equals(newBootId);
        if (rebooted || (!first && !startId.equals(newStartId))) {
            generation++;
            boolean mayLose = rebooted || flushesStartedAtFailure >= flushedUpTo.get();
            if (mayLose && !isAllDurable()) {
                return -1;
            }
            flushesStartedAtFailure = -1;
        }
        bootId = newBootId;
        startId = newStartId;
        return generation;
    }

    private boolean isAllDurable() {
        return orphaned.isDurable() && stamps.stream().allMatch(Stamp::isDurable);
    }

    /**
     * Says that an earlier process had writes acknowledged while the node told this boot id. Until a flush has succeeded they count
     * as acknowledged here.
     *
     * @return false if the node tells another one now: they may be lost
     */
    synchronized boolean inherit(ByteString bootIdBefore) {
        orphaned.flushesStartedAtLastAck.accumulateAndGet(flushesStarted.get(), Math::max);
        return bootIdBefore.equals(bootId);
    }

    /** Returns the boot id met last; null before the first connection. */
    synchronized ByteString bootId() {
        return bootId;
    }
}
