package io.ashlar.server.registry;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.block.BlockDevice;
import io.ashlar.base.status.Status;
import io.ashlar.store.catalogue.Attachment;
import io.ashlar.store.catalogue.CatalogueResult;
import io.ashlar.store.catalogue.VolumeCatalogue;
import io.ashlar.store.catalogue.VolumeRecord;
import io.ashlar.store.file.StoreException;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/**
 * Who may use a volume. The order that keeps a late request of an older writer from changing a byte: the new epoch is
 * made durable, every use that it outdates is ended, and only when the last request of those is over, in the I/O pool
 * too, is the new one told that it may begin.
 */
@ConfinedTo(LoopKind.POOL)
final class Attachments {
    private final VolumeTable table;
    private final VolumeCatalogue catalogue;

    Attachments(VolumeTable table) {
        this.table = table;
        catalogue = table.catalogue();
    }

    /** Grants or refuses a use; the answer may come much later, when older requests take their time. */
    void open(OpenRequest request, VolumeUse use, Consumer<OpenResult> answer) {
        if (!use.isAwaited()) {
            // Whoever gave up asks again: work for the abandoned would make those behind it give up as well.
            answer.accept(new OpenResult.Refused(Status.BUSY, "nobody waits for it any more", null));
            return;
        }
        if (!VolumeRecord.isName(request.volume())) {
            answer.accept(new OpenResult.Refused(Status.NOT_FOUND, "there is no volume of that name", null));
            return;
        }
        if (!request.readOnly() && !Attachment.isHostId(request.hostId())) {
            String message = "a host id has 1 to " + Attachment.HOST_ID_CHARS_MAX + " letters, digits and . _ : -";
            answer.accept(new OpenResult.Refused(Status.INVALID, message, null));
            return;
        }
        VolumeRecord known = catalogue.find(request.volume());
        if (known == null) {
            answer.accept(new OpenResult.Refused(Status.NOT_FOUND, "there is no volume " + request.volume(), null));
            return;
        }
        try {
            open(table.device(known), request, use, answer);
        } catch (StoreException e) {
            // Whoever uses the volume waits until the node can serve it again; a new attachment just doesn't begin.
            String message = "volume " + request.volume() + " can't be opened: " + e.getMessage();
            answer.accept(new OpenResult.Refused(Status.UNAVAILABLE, message, null));
        }
    }

    /** What can fail comes before the decision: when a newer epoch is durable, the uses of the older must end. */
    private void open(BlockDevice device, OpenRequest request, VolumeUse use, Consumer<OpenResult> answer) {
        long incarnation = catalogue.nextIncarnation();
        if (incarnation < 0) {
            // A full disk can be emptied: whoever holds the volume asks again.
            answer.accept(new OpenResult.Refused(Status.UNAVAILABLE, "the volume catalogue can't be written", null));
            return;
        }
        CatalogueResult decision = decide(request);
        if (decision instanceof CatalogueResult.Accepted accepted) {
            if (isOvertaken(accepted.volume(), request)) {
                answer.accept(new OpenResult.Refused(Status.BUSY, "a later connection has the volume open", null));
            } else {
                grant(accepted.volume(), device, incarnation, request, use, answer);
            }
        } else if (decision instanceof CatalogueResult.Refused refused) {
            answer.accept(new OpenResult.Refused(refused.status(), refused.message(), holder(request.volume())));
        }
    }

    private CatalogueResult decide(OpenRequest request) {
        if (request.readOnly()) {
            return new CatalogueResult.Accepted(catalogue.find(request.volume()));
        }
        return request.epoch() == 0
                ? catalogue.attach(request.volume(), request.hostId(), request.steal())
                : catalogue.rejoin(request.volume(), request.hostId(), request.epoch());
    }

    /** An abandoned connection may be worked off after its successor, from which it must not take the volume. */
    private boolean isOvertaken(VolumeRecord volume, OpenRequest request) {
        return !request.readOnly()
                && table.served(volume).tickets().stream()
                        .anyMatch(ticket -> ticket.isNewerThan(request, volume.epoch()));
    }

    private VolumeRecord holder(String name) {
        VolumeRecord volume = catalogue.find(name);
        return volume != null && volume.isAttached() ? volume : null;
    }

    private void grant(
            VolumeRecord volume,
            BlockDevice device,
            long incarnation,
            OpenRequest request,
            VolumeUse use,
            Consumer<OpenResult> answer) {
        ServedVolume served = table.served(volume);
        List<UseTicket> outdated = request.readOnly() ? List.of() : outdated(served, volume.epoch(), request.loop());
        // On the list before it is answered: an even newer use must be able to end it.
        UseTicket ticket = new UseTicket(served, use, request, volume.epoch(), answer);
        served.tickets().add(ticket);
        endAll(
                outdated,
                volume.epoch(),
                () -> ticket.begin(new OpenResult.Opened(volume, device, incarnation, ticket)));
    }

    private static List<UseTicket> outdated(ServedVolume served, long epoch, int loop) {
        List<UseTicket> result = new ArrayList<>();
        for (UseTicket ticket : served.tickets()) {
            if (ticket.yieldsTo(epoch, loop)) {
                result.add(ticket);
            }
        }
        return result;
    }

    /** Ends the uses, which yield to this epoch; runs the task when all have ended. */
    private static void endAll(List<UseTicket> tickets, long epoch, Runnable whenDrained) {
        if (tickets.isEmpty()) {
            whenDrained.run();
            return;
        }
        int[] left = {tickets.size()};
        for (UseTicket ticket : tickets) {
            ticket.end(epoch, () -> {
                if (--left[0] == 0) {
                    whenDrained.run();
                }
            });
        }
    }

    /**
     * Takes note that a use is over; with {@code detach} its attachment as well, durably. That of a reader is nothing more. The
     * attachment's other uses begin nothing from then on; who attaches next waits for what they have begun, nobody else does.
     */
    Status close(UseTicket ticket, String name, boolean detach) {
        ticket.drained();
        if (!detach || ticket.readsOnly()) {
            return Status.OK;
        }
        CatalogueResult result = catalogue.detach(name, ticket.epoch());
        if (result instanceof CatalogueResult.Accepted) {
            long later = ticket.epoch() + 1;
            endAll(outdated(ticket.volume(), later, -1), later, () -> {});
        }
        return result.status();
    }

    /** Ends the attachment of a holder that is gone; the task runs when no request of it is under way. */
    CatalogueResult release(String name, Runnable whenDrained) {
        CatalogueResult result = catalogue.release(name);
        if (result instanceof CatalogueResult.Accepted accepted) {
            // No loop has the number -1: only the epoch counts.
            ServedVolume served = table.served(accepted.volume());
            long epoch = accepted.volume().epoch();
            endAll(outdated(served, epoch, -1), epoch, whenDrained);
        }
        return result;
    }
}
