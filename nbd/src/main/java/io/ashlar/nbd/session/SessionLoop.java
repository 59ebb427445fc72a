package io.ashlar.nbd.session;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.block.BlockDevice;
import io.ashlar.base.block.BlockQueue;
import io.ashlar.base.net.EpollLoop;
import java.util.ArrayList;
import java.util.List;

/**
 * What the connections of one data loop share: the way into the device, slots, and the end of each batch. Whatever a
 * batch was, requests that arrived or completions, it ends in {@link #settle}: connections that got room back go on, the
 * device is told, and each connection is flushed once.
 */
@ConfinedTo(LoopKind.DATA)
final class SessionLoop {
    private final EpollLoop loop;
    private final BlockDevice device;
    private final int blockBytes;
    private final List<Connection> connections = new ArrayList<>();
    private final ArrayList<Connection> touched = new ArrayList<>();
    private final ArrayList<Connection> toFlush = new ArrayList<>();
    private final ArrayList<RequestSlot> freeSlots = new ArrayList<>();
    private final ArrayList<Whole> freeWholes = new ArrayList<>();
    private final NbdCounters counters = new NbdCounters();
    private BlockQueue queue;
    private long batchNs;
    private boolean timed;
    private boolean settling;

    SessionLoop(EpollLoop loop, BlockDevice device) {
        this.loop = loop;
        this.device = device;
        blockBytes = device.geometry().logicalBlockBytes();
    }

    EpollLoop loop() {
        return loop;
    }

    /** Returns the loop's way into the device, opened when it is first needed. */
    BlockQueue queue() {
        if (queue == null) {
            queue = device.openQueue(loop, this::settle);
        }
        return queue;
    }

    NbdCounters counters() {
        return counters;
    }

    /** Returns when this batch first asked for the time: the clock is read once a batch. */
    long batchNs() {
        if (!timed) {
            timed = true;
            batchNs = loop.clock().nowNs();
        }
        return batchNs;
    }

    int blockBytes() {
        return blockBytes;
    }

    /** Returns how far the offset lies behind the start of its logical block. */
    int leadOf(long offset) {
        return (int) offset & (blockBytes - 1);
    }

    /** Returns the length rounded up to whole logical blocks. */
    int roundUp(int length) {
        return (length + blockBytes - 1) & -blockBytes;
    }

    RequestSlot takeSlot() {
        return freeSlots.isEmpty() ? new RequestSlot() : freeSlots.remove(freeSlots.size() - 1);
    }

    void giveSlot(RequestSlot slot) {
        slot.end();
        freeSlots.add(slot);
    }

    Whole takeWhole() {
        return freeWholes.isEmpty() ? new Whole() : freeWholes.remove(freeWholes.size() - 1);
    }

    void giveWhole(Whole whole) {
        freeWholes.add(whole);
    }

    List<Connection> connections() {
        return connections;
    }

    /** Notes that something has happened on the connection, which is looked at when the batch ends. */
    void touch(Connection connection) {
        if (connection.touch()) {
            touched.add(connection);
        }
    }

    /** Ends a batch. */
    void settle() {
        if (settling) {
            return;
        }
        settling = true;
        do {
            for (int i = 0; i < touched.size(); i++) {
                Connection connection = touched.get(i);
                connection.resume();
                if (connection.markForFlush()) {
                    toFlush.add(connection);
                }
            }
            touched.clear();
            if (queue != null) {
                queue.endBatch();
            }
        } while (!touched.isEmpty());
        for (int i = 0; i < toFlush.size(); i++) {
            toFlush.get(i).flush();
        }
        toFlush.clear();
        timed = false;
        settling = false;
    }

    /** Ends the loop's part; its connections have ended. */
    void close() {
        if (queue != null) {
            queue.close();
            queue = null;
        }
    }
}
