package io.ashlar.server.session;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.block.BlockDevice;
import io.ashlar.base.block.BlockGeometry;
import io.ashlar.base.block.BlockQueue;
import io.ashlar.base.loop.Loop;
import io.ashlar.base.status.Status;
import io.ashlar.server.metrics.NodeEvent;
import io.ashlar.server.registry.UseTicket;
import io.ashlar.server.registry.VolumeUse;
import java.util.function.Consumer;

/**
 * A volume opened on a connection: what a handle means.
 *
 * <pre>
 *   OPENING --granted--> OPEN --superseded--> FENCED
 *      |                  | \--CLOSE--> CLOSING |
 *      \--refused, closed-+------- all of them -+--> GONE
 * </pre>
 *
 * A newer connection of the client's own supersedes it too, but is no reason to tell the client that it has lost the
 * volume: this connection, which it must have given up, is closed. FENCED and CLOSING give the ticket back when their last
 * request has ended. Everything but {@link #end}, {@link #geometryChanged}, {@link #isAwaited} and {@link #isOpen} belongs to
 * the connection's loop.
 */
@ConfinedTo(LoopKind.DATA)
final class OpenVolume implements VolumeUse {
    /** Where it is in its life. */
    enum State {
        OPENING,
        OPEN,
        FENCED,
        CLOSING,
        GONE
    }

    private final Connection connection;
    private final Loop loop;
    private final int handle;
    private final String name;
    private final boolean readOnly;
    private volatile State state = State.OPENING;
    private BlockDevice device;
    private BlockQueue queue;
    private UseTicket ticket;
    private int inFlight;
    private boolean dirty;
    private boolean detach;
    private Consumer<Status> whenClosed;

    OpenVolume(Connection connection, Loop loop, int handle, String name, boolean readOnly) {
        this.connection = connection;
        this.loop = loop;
        this.handle = handle;
        this.name = name;
        this.readOnly = readOnly;
    }

    int handle() {
        return handle;
    }

    String name() {
        return name;
    }

    boolean readOnly() {
        return readOnly;
    }

    State state() {
        return state;
    }

    /** Returns whether requests are served and their answers wanted. Any thread. */
    boolean isOpen() {
        return state == State.OPEN;
    }

    BlockQueue queue() {
        return queue;
    }

    /** Returns the size now, read-only where it was opened so. */
    BlockGeometry geometry() {
        return device.geometry();
    }

    /** Returns whether a request to the handle means this volume. */
    boolean isKnownToClient() {
        return state == State.OPEN || state == State.FENCED;
    }

    /** Takes the granted use; returns false when nobody waits for it any more and it is given back. */
    boolean opened(BlockDevice newDevice, UseTicket newTicket) {
        device = newDevice;
        ticket = newTicket;
        if (state != State.OPENING) {
            giveBack();
            return false;
        }
        queue = device.openQueue(loop, connection.flow()::onCompletionsEnded);
        state = State.OPEN;
        connection.counters().moved(NodeEvent.HANDLES_OPEN, 1);
        return true;
    }

    /** Gives up waiting to be opened; what is granted later is given back. */
    void giveUpOpening() {
        state = State.GONE;
    }

    void requestBegan() {
        inFlight++;
    }

    void requestEnded() {
        inFlight--;
        if (inFlight == 0 && state != State.OPEN) {
            // Later, because this may be called by the very queue that is to be closed.
            loop.execute(this::drained);
        }
    }

    /** Notes that something was submitted since the last batch; returns whether it is the first. */
    boolean markDirty() {
        boolean first = !dirty;
        dirty = true;
        return first;
    }

    void endBatch() {
        dirty = false;
        if (queue != null) {
            queue.endBatch();
        }
    }

    /** Ends the use at the client's wish; the task runs when that is durable. Only from a state the client knows. */
    void close(boolean alsoDetach, Consumer<Status> task) {
        detach = alsoDetach;
        whenClosed = task;
        boolean fenced = state == State.FENCED;
        state = State.CLOSING;
        if (fenced && ticket == null) {
            state = State.GONE;
            whenClosed = null; // the end of the fencing may still be on its way, and would run it again
            task.accept(Status.OK);
        } else if (inFlight == 0) {
            drained();
        }
    }

    /** Ends the use because the connection has ended. What waits for an end that is under way still learns of it. */
    void connectionClosed() {
        state = State.GONE;
        callOff(Status.UNAVAILABLE);
        if (inFlight == 0) {
            drained();
        }
    }

    @Override
    public boolean isAwaited() {
        return state == State.OPENING;
    }

    @Override
    public void end(boolean fenced) {
        loop.execute(() -> {
            callOff(fenced ? Status.FENCED : Status.UNAVAILABLE);
            if (state == State.OPEN) {
                state = State.FENCED;
                if (fenced) {
                    connection.fenced(this);
                } else {
                    connection.closeNow();
                }
                if (inFlight == 0) {
                    drained();
                }
            }
        });
    }

    @Override
    public void geometryChanged(BlockGeometry geometry) {
        loop.execute(() -> connection.geometryChanged(this, geometry.withReadOnly(readOnly)));
    }

    /** Ends what waits in the store and has begun nothing, which may take long: the next use waits for it. */
    private void callOff(Status status) {
        if (queue != null) {
            queue.callOff(status);
        }
    }

    private void drained() {
        if (queue != null) {
            queue.close();
            queue = null;
            connection.counters().moved(NodeEvent.HANDLES_OPEN, -1);
        }
        if (ticket != null) {
            giveBack();
        }
    }

    private void giveBack() {
        UseTicket given = ticket;
        ticket = null;
        connection.registry().close(given, name, detach, status -> loop.execute(() -> givenBack(status)));
    }

    private void givenBack(Status status) {
        if (whenClosed != null) {
            Consumer<Status> task = whenClosed;
            whenClosed = null;
            state = State.GONE;
            task.accept(status);
        }
    }
}
