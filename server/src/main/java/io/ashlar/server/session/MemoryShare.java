package io.ashlar.server.session;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.loop.Loop;
import io.ashlar.protocol.codec.ReceiveMemory;
import io.ashlar.server.metrics.LoopCounters;
import io.ashlar.server.metrics.NodeEvent;
import java.util.ArrayDeque;
import java.util.concurrent.TimeUnit;

/**
 * One data loop's share of the memory for one purpose, receiving or answering: counted, never locked. Every connection
 * brings what it needs at least, which it has in any case; what goes beyond is taken from the share. When that is used
 * up, connections wait their turn, first come first served, and are not read from meanwhile: back-pressure, no failure.
 *
 * <p>Two shares, because memory for receiving comes back when the disk has written, memory for answering when clients
 * read: with one, either could keep the other waiting for ever.
 */
@ConfinedTo(LoopKind.DATA)
final class MemoryShare {
    /** How often it is looked whether memory has come back, while somebody waits for it: sockets take bytes unseen. */
    private static final long POLL_NS = TimeUnit.MILLISECONDS.toNanos(2);

    private final Loop loop;
    private final LoopCounters counters;
    private final Runnable trim;
    private final ArrayDeque<Claim> waiting = new ArrayDeque<>();
    private long limitBytes;
    private long usedBytes;
    private Claim served;
    private boolean polling;

    /**
     * Creates a share.
     *
     * @param limitBytes what connections may take beyond what they bring
     * @param trim has all connections of the loop give back what they don't need at once
     */
    MemoryShare(Loop loop, LoopCounters counters, long limitBytes, Runnable trim) {
        this.loop = loop;
        this.counters = counters;
        this.limitBytes = limitBytes;
        this.trim = trim;
    }

    private void use(int bytes) {
        usedBytes += bytes;
        counters.moved(NodeEvent.MEMORY_BYTES, bytes);
    }

    private void poll() {
        polling = false;
        trim.run();
        while (!waiting.isEmpty()) {
            Claim first = waiting.poll();
            first.waits = false;
            served = first;
            first.whenThere.run();
            served = null;
            if (first.waits) {
                break;
            }
        }
        pollLater();
    }

    private void pollLater() {
        if (!polling && !waiting.isEmpty()) {
            polling = true;
            Loop.Scheduled unused = loop.schedule(this::poll, POLL_NS);
        }
    }

    /** One connection's way to the share. */
    @ConfinedTo(LoopKind.DATA)
    final class Claim implements ReceiveMemory {
        private final int ownBytes;
        private final Runnable whenThere;
        private boolean waits;

        /**
         * Creates a claim.
         *
         * @param ownBytes what the connection brings
         * @param whenThere run when it is worth asking again, after a refusal
         */
        Claim(int ownBytes, Runnable whenThere) {
            this.ownBytes = ownBytes;
            this.whenThere = whenThere;
            limitBytes += ownBytes;
        }

        @Override
        @SuppressWarnings("ReferenceEquality") // claims are identities
        public boolean take(int bytes) {
            if (usedBytes + bytes <= limitBytes && (waiting.isEmpty() || served == this)) {
                use(bytes);
                return true;
            }
            if (!waits) {
                waits = true;
                counters.happened(NodeEvent.MEMORY_WAITS);
                if (served == this) {
                    waiting.addFirst(this);
                } else {
                    waiting.add(this);
                }
                pollLater();
            }
            return false;
        }

        @Override
        public void charge(int bytes) {
            use(bytes);
        }

        @Override
        public void giveBack(int bytes) {
            use(-bytes);
        }

        /** Returns whether it was refused and waits. */
        boolean isWaiting() {
            return waits;
        }

        /** Ends the connection's part; what it still has comes back as it is let go. */
        void end() {
            limitBytes -= ownBytes;
            if (waits) {
                waits = false;
                waiting.remove(this);
            }
        }
    }
}
