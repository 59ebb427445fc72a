package io.ashlar.server.registry;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import java.util.ArrayList;
import java.util.List;

/**
 * A use of a volume on the registry's list, from the moment that OPEN was granted until nothing of it can touch the
 * volume any more. Opaque to the connection, which hands it back.
 */
@ConfinedTo(LoopKind.POOL)
public final class UseTicket {
    private final ServedVolume volume;
    private final VolumeUse use;
    private final OpenRequest request;
    private final long epoch;
    private final List<Runnable> waiting = new ArrayList<>(1);
    private boolean ending;

    UseTicket(ServedVolume volume, VolumeUse use, OpenRequest request, long epoch) {
        this.volume = volume;
        this.use = use;
        this.request = request;
        this.epoch = epoch;
    }

    ServedVolume volume() {
        return volume;
    }

    VolumeUse use() {
        return use;
    }

    /** Returns the attachment's number; for a reader the one of the writer beside it, which is not its own. */
    long epoch() {
        return epoch;
    }

    boolean readsOnly() {
        return request.readOnly();
    }

    /**
     * Returns whether the use must end before one of the given epoch and loop may begin: a writer of an older epoch is
     * fenced, one of the same loop superseded by its next incarnation. Readers disturb nobody.
     */
    boolean yieldsTo(long newEpoch, int loop) {
        return !request.readOnly() && (epoch < newEpoch || request.loop() == loop);
    }

    /** Ends the use; runs the task on the registry's thread when it has. */
    void end(Runnable whenDrained) {
        waiting.add(whenDrained);
        if (!ending) {
            ending = true;
            use.end();
        }
    }

    /** Takes note that nothing of the use is under way any more. */
    void drained() {
        volume.tickets().remove(this);
        List<Runnable> tasks = List.copyOf(waiting);
        waiting.clear();
        tasks.forEach(Runnable::run);
    }
}
