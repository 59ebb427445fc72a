package io.ashlar.server.registry;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.block.BlockDevice;
import io.ashlar.base.status.Status;
import io.ashlar.base.sys.Errno;
import io.ashlar.protocol.message.AdminAnswer;
import io.ashlar.protocol.message.AdminRequest;
import io.ashlar.protocol.message.CreateVolume;
import io.ashlar.protocol.message.NodeStatus;
import io.ashlar.protocol.message.ResizeVolume;
import io.ashlar.protocol.message.VolumeInfo;
import io.ashlar.protocol.message.VolumeList;
import io.ashlar.store.catalogue.CatalogueResult;
import io.ashlar.store.catalogue.VolumeCatalogue;
import io.ashlar.store.catalogue.VolumeRecord;
import io.ashlar.store.catalogue.VolumeState;
import io.ashlar.store.file.StoreException;
import java.util.function.Consumer;
import java.util.function.IntSupplier;

/** Carries out the commands of ADMIN frames. What is answered as done is durable. */
@ConfinedTo(LoopKind.POOL)
final class VolumeCommands {
    /** Volumes in one answer: at most 400 bytes each, far below the payload limit of 64 KiB. */
    private static final int LIST_PAGE = 100;
    /** What CREATE means by a block size of 0. */
    private static final int LOGICAL_BLOCK_BYTES_DEFAULT = 4096;

    private final VolumeTable table;
    private final VolumeCatalogue catalogue;
    private final Attachments attachments;
    private final NodeIdentity node;
    private final IntSupplier connections;

    VolumeCommands(VolumeTable table, Attachments attachments, NodeIdentity node, IntSupplier connections) {
        this.table = table;
        catalogue = table.catalogue();
        this.attachments = attachments;
        this.node = node;
        this.connections = connections;
    }

    /** Carries out one command; the answer may come later, when requests under way have to end first. */
    void run(AdminRequest request, Consumer<AdminOutcome> answer) {
        AdminAnswer.Builder done = AdminAnswer.newBuilder();
        try {
            switch (request.getCommandCase()) {
                case CREATE_VOLUME ->
                    answer.accept(outcome(create(request.getCreateVolume()), done::setCreateVolume, done));
                case LIST_VOLUMES -> {
                    done.setListVolumes(list(request.getListVolumes().getAfter()));
                    answer.accept(new AdminOutcome.Done(done.build()));
                }
                case SHOW_VOLUME ->
                    answer.accept(outcome(found(request.getShowVolume().getName()), done::setShowVolume, done));
                case DELETE_VOLUME ->
                    answer.accept(outcome(delete(request.getDeleteVolume().getName()), done::setDeleteVolume, done));
                case RESIZE_VOLUME ->
                    answer.accept(outcome(resize(request.getResizeVolume()), done::setResizeVolume, done));
                case RELEASE_VOLUME -> release(request.getReleaseVolume().getName(), done, answer);
                case GET_NODE_STATUS -> {
                    done.setGetNodeStatus(status());
                    answer.accept(new AdminOutcome.Done(done.build()));
                }
                case COMMAND_NOT_SET ->
                    answer.accept(
                            new AdminOutcome.Refused(Status.UNSUPPORTED, "this node does not know the command", null));
            }
        } catch (StoreException e) {
            Status status = e.errno() == 0 ? Status.IO_ERROR : Errno.toStatus(-e.errno());
            answer.accept(new AdminOutcome.Refused(status, e.getMessage(), null));
        }
    }

    private AdminOutcome outcome(CatalogueResult result, Consumer<VolumeInfo> setter, AdminAnswer.Builder done)
            throws StoreException {
        if (result instanceof CatalogueResult.Refused refused) {
            return new AdminOutcome.Refused(refused.status(), refused.message(), null);
        }
        setter.accept(info(((CatalogueResult.Accepted) result).volume()));
        return new AdminOutcome.Done(done.build());
    }

    private VolumeInfo info(VolumeRecord volume) throws StoreException {
        BlockDevice device = table.served(volume).device();
        return VolumeMessages.info(volume, device == null ? 0 : table.files().storedBytes(device));
    }

    private CatalogueResult found(String name) {
        VolumeRecord volume = catalogue.find(name);
        return volume != null
                ? new CatalogueResult.Accepted(volume)
                : new CatalogueResult.Refused(
                        Status.NOT_FOUND, "there is no volume " + (VolumeRecord.isName(name) ? name : "of that name"));
    }

    private CatalogueResult create(CreateVolume command) throws StoreException {
        int blockBytes =
                command.getLogicalBlockBytes() == 0 ? LOGICAL_BLOCK_BYTES_DEFAULT : command.getLogicalBlockBytes();
        CatalogueResult begun = catalogue.beginCreate(command.getName(), command.getSizeBytes(), blockBytes);
        if (begun instanceof CatalogueResult.Accepted accepted) {
            VolumeRecord volume = accepted.volume();
            try {
                table.files().create(volume.uuid(), volume.geometry());
            } catch (StoreException e) {
                table.removeFiles(volume);
                throw e;
            }
            return catalogue.finishCreate(volume.name());
        }
        return begun;
    }

    private CatalogueResult delete(String name) {
        VolumeRecord volume = catalogue.find(name);
        int uses = volume == null ? 0 : table.served(volume).tickets().size();
        if (uses > 0 && !volume.isAttached()) {
            return new CatalogueResult.Refused(
                    Status.IN_USE,
                    "volume " + name + " is open on " + uses + (uses == 1 ? " connection" : " connections"));
        }
        if (volume != null && !volume.isAttached() && table.isAsked(volume)) {
            return new CatalogueResult.Refused(
                    Status.BUSY, "volume " + name + " is still being read for a BLOCK_STATUS; try again");
        }
        CatalogueResult begun = catalogue.beginDelete(name);
        if (begun instanceof CatalogueResult.Accepted accepted) {
            table.closeDevice(table.served(accepted.volume()));
            table.removeFiles(accepted.volume());
        }
        return begun;
    }

    private CatalogueResult resize(ResizeVolume command) throws StoreException {
        CatalogueResult found = found(command.getName());
        if (!(found instanceof CatalogueResult.Accepted accepted)) {
            return found;
        }
        VolumeRecord volume = accepted.volume();
        CatalogueResult refusal = catalogue.checkGrowth(volume, command.getSizeBytes());
        if (refusal != null) {
            return refusal;
        }
        // The files first: a catalogue that says more than the files can hold would be worse than the reverse.
        BlockDevice device = table.device(volume);
        if (device.geometry().sizeBytes() < command.getSizeBytes()) {
            table.files().grow(device, command.getSizeBytes());
        }
        CatalogueResult grown = catalogue.grow(volume.name(), command.getSizeBytes());
        for (UseTicket ticket : table.served(volume).tickets()) {
            ticket.use().geometryChanged(device.geometry());
        }
        return grown;
    }

    private void release(String name, AdminAnswer.Builder done, Consumer<AdminOutcome> answer) throws StoreException {
        CatalogueResult found = found(name);
        if (found instanceof CatalogueResult.Accepted accepted) {
            done.setReleaseVolume(info(accepted.volume()));
        }
        CatalogueResult result = attachments.release(name, () -> answer.accept(new AdminOutcome.Done(done.build())));
        if (result instanceof CatalogueResult.Refused refused) {
            answer.accept(new AdminOutcome.Refused(refused.status(), refused.message(), null));
        }
    }

    private VolumeList list(String after) throws StoreException {
        VolumeList.Builder page = VolumeList.newBuilder();
        for (VolumeRecord volume : catalogue.volumes()) {
            if (volume.state() != VolumeState.LIVE || volume.name().compareTo(after) <= 0) {
                continue;
            }
            if (page.getVolumesCount() == LIST_PAGE) {
                return page.setMore(true).build();
            }
            page.addVolumes(info(volume));
        }
        return page.build();
    }

    private NodeStatus status() throws StoreException {
        return NodeStatus.newBuilder()
                .setNodeId(VolumeMessages.bytes(node.nodeUuid()))
                .setBootId(VolumeMessages.bytes(node.bootId()))
                .setSoftware(node.software())
                .setStartedMs(node.startedMs())
                .setCapacityBytes(table.files().capacityBytes())
                .setFreeBytes(table.files().freeBytes())
                .setVolumeCount(catalogue.volumes().size())
                .setConnectionCount(connections.getAsInt())
                .build();
    }
}
