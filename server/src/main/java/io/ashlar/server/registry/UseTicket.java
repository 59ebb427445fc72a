package io.ashlar.server.registry;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.status.Status;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/**
 * A use of a volume on the registry's list, from the moment that OPEN was granted until nothing of it can touch the
 * volume any more. It begins when the uses that it supersedes have ended; superseded before that, it never does, and
 * nobody has to wait for it. Opaque to the connection, which hands it back.
 */
@ConfinedTo(LoopKind.POOL)
public final class UseTicket {
    private final ServedVolume volume;
    private final VolumeUse use;
    private final OpenRequest request;
    private final long epoch;
    private final List<Runnable> waiting = new ArrayList<>(1);
    /** Null when it has begun, or will never. */
    private Consumer<OpenResult> answer;

    private boolean ending;

    UseTicket(ServedVolume volume, VolumeUse use, OpenRequest request, long epoch, Consumer<OpenResult> answer) {
        this.volume = volume;
        this.use = use;
        this.request = request;
        this.epoch = epoch;
        this.answer = answer;
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

    /** Returns whether the use is of the same loop and epoch, but was asked for later. */
    boolean isNewerThan(OpenRequest other, long otherEpoch) {
        return !request.readOnly()
                && epoch == otherEpoch
                && request.loop() == other.loop()
                && Long.compareUnsigned(request.attempt(), other.attempt()) > 0;
    }

    /** Lets the use begin, unless it was ended before. */
    void begin(OpenResult.Opened granted) {
        if (answer != null) {
            answer(granted);
        }
    }

    private void answer(OpenResult result) {
        Consumer<OpenResult> whoAsked = answer;
        answer = null;
        whoAsked.accept(result);
    }

    /**
     * Ends the use because of a newer one; runs the task on the registry's thread when it has.
     *
     * @param newEpoch the volume's epoch now
     */
    void end(long newEpoch, Runnable whenDrained) {
        boolean fenced = epoch < newEpoch;
        if (answer != null) {
            volume.tickets().remove(this);
            answer(new OpenResult.Refused(fenced ? Status.FENCED : Status.BUSY, "it was opened anew meanwhile", null));
            whenDrained.run();
            return;
        }
        waiting.add(whenDrained);
        if (!ending) {
            ending = true;
            use.end(fenced);
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
