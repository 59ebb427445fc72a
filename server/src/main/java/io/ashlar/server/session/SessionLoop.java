package io.ashlar.server.session;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.checksum.Crc32c;
import io.ashlar.base.net.EpollLoop;
import io.ashlar.protocol.frame.FrameHeader;
import io.ashlar.server.config.MemoryBudget;
import io.ashlar.server.metrics.LoopCounters;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** What the connections of one data loop share: counters, request slots, scratch objects, and the look at idle ones. */
@ConfinedTo(LoopKind.DATA)
final class SessionLoop {
    private static final long SWEEP_NS = TimeUnit.SECONDS.toNanos(2);

    private final EpollLoop loop;
    private final LoopCounters counters;
    private final Crc32c crc = new Crc32c();
    private final FrameHeader header = new FrameHeader();
    private final List<Connection> connections = new ArrayList<>();
    private final ArrayList<RequestSlot> freeSlots = new ArrayList<>();
    private final MemoryShare receiveMemory;
    private final MemoryShare answerMemory;
    private boolean sweeping;

    SessionLoop(EpollLoop loop, LoopCounters counters, MemoryBudget budget) {
        this.loop = loop;
        this.counters = counters;
        receiveMemory = new MemoryShare(loop, counters, budget.receiveShareBytes(), this::trim);
        answerMemory = new MemoryShare(loop, counters, budget.answerShareBytes(), this::trim);
    }

    MemoryShare receiveMemory() {
        return receiveMemory;
    }

    MemoryShare answerMemory() {
        return answerMemory;
    }

    private void trim() {
        for (int i = 0; i < connections.size(); i++) {
            connections.get(i).flow().trim();
        }
    }

    EpollLoop loop() {
        return loop;
    }

    LoopCounters counters() {
        return counters;
    }

    Crc32c crc() {
        return crc;
    }

    /** Returns the flyweight for encoding, to be wrapped anew by each user. */
    FrameHeader header() {
        return header;
    }

    long nowNs() {
        return loop.clock().nowNs();
    }

    /** Returns a slot; there are as many as were ever in use at the same time on this loop. */
    RequestSlot takeSlot() {
        return freeSlots.isEmpty() ? new RequestSlot() : freeSlots.remove(freeSlots.size() - 1);
    }

    void giveSlot(RequestSlot slot) {
        slot.end();
        freeSlots.add(slot);
    }

    List<Connection> connections() {
        return connections;
    }

    void add(Connection connection) {
        connections.add(connection);
        if (!sweeping) {
            sweeping = true;
            loop.schedule(this::sweep, SWEEP_NS);
        }
    }

    void remove(Connection connection) {
        connections.remove(connection);
    }

    /** Looks every two seconds for peers that say nothing or take nothing; not at all while there are none. */
    private void sweep() {
        sweeping = !connections.isEmpty();
        if (sweeping) {
            long now = nowNs();
            for (Connection connection : List.copyOf(connections)) {
                connection.tick(now);
            }
            loop.schedule(this::sweep, SWEEP_NS);
        }
    }
}
