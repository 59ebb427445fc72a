package io.ashlar.store.catalogue;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.block.BlockGeometry;
import io.ashlar.base.status.Status;
import io.ashlar.base.sys.Errno;
import io.ashlar.base.time.Clock;
import io.ashlar.base.time.RandomSource;
import io.ashlar.store.file.StorageIo;
import io.ashlar.store.file.StoreException;
import java.nio.file.Path;
import java.util.List;

/**
 * A node's volumes and their attachments. Every change is durable when its method returns; one that could not be made
 * durable leaves the catalogue failed: no later change is tried before the next start, because what the disk holds is
 * unknown. Reading goes on.
 *
 * <p>An attachment is (host, volume, epoch). The epoch rises with every new attachment and every take-over, so that what
 * an older holder still sends can be told apart. Blocks on the disk: belongs to one thread that may.
 */
@ConfinedTo(LoopKind.POOL)
public final class VolumeCatalogue {
    /** Incarnations made durable at once: one write of the file in so many opens. */
    private static final int INCARNATIONS_RESERVED = 1024;

    private final CatalogueFile file;
    private final Clock clock;
    private final RandomSource random;
    private CatalogueImage image;
    private long nextIncarnation;
    private boolean failed;

    private VolumeCatalogue(CatalogueFile file, CatalogueImage image, Clock clock, RandomSource random) {
        this.file = file;
        this.image = image;
        this.clock = clock;
        this.random = random;
        nextIncarnation = image.incarnationCeiling();
    }

    /**
     * Opens the catalogue of a data folder; an empty one where there is none.
     *
     * @throws StoreException in one line, when it can't be read or is damaged
     */
    public static VolumeCatalogue open(Path dataFolder, StorageIo io, Clock clock, RandomSource random)
            throws StoreException {
        CatalogueFile file = new CatalogueFile(dataFolder, io);
        CatalogueImage image = file.load();
        return new VolumeCatalogue(file, image == null ? CatalogueImage.EMPTY : image, clock, random);
    }

    /**
     * Reads the volumes of a folder that no node runs on; none where there is no catalogue.
     *
     * @throws StoreException when it can't be read or is damaged
     */
    public static List<VolumeRecord> read(Path folder, StorageIo io) throws StoreException {
        CatalogueImage image = new CatalogueFile(folder, io).load();
        return image == null ? List.of() : List.copyOf(image.volumes().values());
    }

    /** Returns all volumes in the order of their names, those being made or removed too. */
    public List<VolumeRecord> volumes() {
        return List.copyOf(image.volumes().values());
    }

    /** Returns the volume of this name in service, or null. */
    public VolumeRecord find(String name) {
        VolumeRecord volume = image.volumes().get(name);
        return volume != null && volume.state() == VolumeState.LIVE ? volume : null;
    }

    /** Enters a volume whose files are to be made now; {@link #finishCreate} or {@link #remove} follows. */
    public CatalogueResult beginCreate(String name, long sizeBytes, int logicalBlockBytes) {
        if (!VolumeRecord.isName(name)) {
            return refused(
                    Status.INVALID,
                    "a volume name has 1 to " + VolumeRecord.NAME_CHARS_MAX
                            + " characters: small letters, digits, and inside also . _ -");
        }
        if (image.volumes().containsKey(name)) {
            return refused(Status.ALREADY_EXISTS, "volume " + name + " exists already");
        }
        if (image.volumes().size() == CatalogueImage.VOLUMES_MAX) {
            return refused(
                    Status.TOO_LARGE, "the node has " + CatalogueImage.VOLUMES_MAX + " volumes, which is the limit");
        }
        BlockGeometry geometry;
        try {
            geometry = new BlockGeometry(sizeBytes, logicalBlockBytes, false);
        } catch (IllegalArgumentException e) {
            return refused(Status.INVALID, e.getMessage());
        }
        VolumeRecord volume =
                new VolumeRecord(name, random.nextUuid(), geometry, clock.wallMs(), VolumeState.CREATING, 0, null);
        return commit(volume);
    }

    /** Puts a volume into service, its files being durable. */
    public CatalogueResult finishCreate(String name) {
        return commit(image.volumes().get(name).withState(VolumeState.LIVE));
    }

    /** Takes a volume that nobody holds out of service; its files are removed next, then {@link #remove} follows. */
    public CatalogueResult beginDelete(String name) {
        VolumeRecord volume = find(name);
        if (volume == null) {
            return notFound(name);
        }
        if (volume.isAttached()) {
            return inUse(volume);
        }
        return commit(volume.withState(VolumeState.DELETING));
    }

    /** Forgets a volume that is being made or removed, its files being gone. */
    public CatalogueResult remove(String name) {
        VolumeRecord volume = image.volumes().get(name);
        if (volume == null || volume.state() == VolumeState.LIVE) {
            throw new IllegalStateException("volume " + name + " is not being removed");
        }
        CatalogueResult failure = write(image.without(name));
        return failure != null ? failure : new CatalogueResult.Accepted(volume);
    }

    /** Returns why the volume can't be made this large, or null where it can; a size that it has already is allowed. */
    public CatalogueResult checkGrowth(VolumeRecord volume, long sizeBytes) {
        if (sizeBytes < volume.geometry().sizeBytes()) {
            return refused(
                    Status.INVALID,
                    "volume " + volume.name() + " has " + volume.geometry().sizeBytes()
                            + " bytes and can't be made smaller");
        }
        try {
            BlockGeometry unused = volume.geometry().withSizeBytes(sizeBytes);
            return null;
        } catch (IllegalArgumentException e) {
            return refused(Status.INVALID, e.getMessage());
        }
    }

    /** Makes a volume larger; the same size changes nothing. */
    public CatalogueResult grow(String name, long sizeBytes) {
        VolumeRecord volume = find(name);
        if (volume == null) {
            return notFound(name);
        }
        CatalogueResult refusal = checkGrowth(volume, sizeBytes);
        if (refusal != null) {
            return refusal;
        }
        return sizeBytes == volume.geometry().sizeBytes()
                ? new CatalogueResult.Accepted(volume)
                : commit(volume.withGeometry(volume.geometry().withSizeBytes(sizeBytes)));
    }

    /**
     * Begins an attachment under a new epoch. A host takes its own back without asking; that of another host only by
     * stealing. Whoever held the volume is fenced from now on.
     */
    public CatalogueResult attach(String name, String hostId, boolean steal) {
        VolumeRecord volume = find(name);
        if (volume == null) {
            return notFound(name);
        }
        boolean own = volume.isAttached() && volume.attachment().isHeldBy(hostId);
        if (volume.isAttached() && !own && !steal) {
            return inUse(volume);
        }
        Attachment attachment = own ? volume.attachment() : newAttachment(volume, hostId);
        return commit(volume.withAttachment(volume.epoch() + 1, attachment));
    }

    /** Its time is later than that of the last one, whatever the clock says: a host knows its attachment by it. */
    private Attachment newAttachment(VolumeRecord volume, String hostId) {
        Attachment last = volume.attachment();
        long sinceMs = last == null ? clock.wallMs() : Math.max(clock.wallMs(), last.sinceMs() + 1);
        return new Attachment(hostId, sinceMs, volume.isAttached(), 0);
    }

    /** Says whether the host still holds the volume under this epoch; changes nothing. */
    public CatalogueResult rejoin(String name, String hostId, long epoch) {
        VolumeRecord volume = find(name);
        if (volume == null) {
            return notFound(name);
        }
        if (volume.epoch() == epoch
                && volume.isAttached()
                && volume.attachment().isHeldBy(hostId)) {
            return new CatalogueResult.Accepted(volume);
        }
        String now = volume.isAttached() ? volume.attachment().describe() : "held by nobody";
        return refused(
                Status.FENCED,
                "epoch " + epoch + " of volume " + name + " is over: the volume is " + now + " under epoch "
                        + volume.epoch());
    }

    /** Ends the attachment of this epoch cleanly; one that is over already stays as it is. */
    public CatalogueResult detach(String name, long epoch) {
        VolumeRecord volume = find(name);
        if (volume == null) {
            return notFound(name);
        }
        if (volume.epoch() != epoch || !volume.isAttached()) {
            return new CatalogueResult.Accepted(volume);
        }
        return commit(volume.withAttachment(epoch, volume.attachment().ended(clock.wallMs())));
    }

    /** Ends the attachment of a holder that is gone for good, and raises the epoch so that it stays fenced. */
    public CatalogueResult release(String name) {
        VolumeRecord volume = find(name);
        if (volume == null) {
            return notFound(name);
        }
        if (!volume.isAttached()) {
            return new CatalogueResult.Accepted(volume);
        }
        return commit(
                volume.withAttachment(volume.epoch() + 1, volume.attachment().ended(clock.wallMs())));
    }

    /**
     * Returns a number greater than any that this data folder has ever handed out, also before the last crash; -1 when
     * that can't be made durable. One counter serves all attachments and loops: each sees its numbers only grow.
     */
    public long nextIncarnation() {
        if (nextIncarnation == image.incarnationCeiling()
                && write(image.withIncarnationCeiling(nextIncarnation + INCARNATIONS_RESERVED)) != null) {
            return -1;
        }
        return nextIncarnation++;
    }

    private CatalogueResult commit(VolumeRecord volume) {
        CatalogueResult failure = write(image.with(volume));
        return failure != null ? failure : new CatalogueResult.Accepted(volume);
    }

    private CatalogueResult write(CatalogueImage changed) {
        if (!failed) {
            try {
                file.prepare(changed);
            } catch (StoreException e) {
                return refused(e.errno() == 0 ? Status.IO_ERROR : Errno.toStatus(-e.errno()), e.getMessage());
            }
            try {
                file.publish();
                image = changed;
                return null;
            } catch (StoreException e) {
                failed = true;
                return refused(Status.IO_ERROR, e.getMessage());
            }
        }
        return refused(Status.IO_ERROR, "the volume catalogue could not be written earlier; restart the node");
    }

    private static CatalogueResult notFound(String name) {
        return refused(Status.NOT_FOUND, "there is no volume " + (VolumeRecord.isName(name) ? name : "of that name"));
    }

    private static CatalogueResult inUse(VolumeRecord volume) {
        return refused(
                Status.IN_USE,
                "volume " + volume.name() + " is " + volume.attachment().describe());
    }

    private static CatalogueResult refused(Status status, String message) {
        return new CatalogueResult.Refused(status, message);
    }
}
