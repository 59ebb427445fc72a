package io.ashlar.server.registry;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.block.BlockDevice;
import io.ashlar.base.time.Clock;
import io.ashlar.store.catalogue.CatalogueResult;
import io.ashlar.store.catalogue.VolumeCatalogue;
import io.ashlar.store.catalogue.VolumeRecord;
import io.ashlar.store.file.StoreException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.UUID;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The volumes of the catalogue joined with their files. At start it ends what a crash interrupted: half-made volumes go,
 * half-removed ones too, and the catalogue learns of a growth that had reached the files only.
 */
@ConfinedTo(LoopKind.POOL)
final class VolumeTable {
    private static final Logger LOG = LoggerFactory.getLogger(VolumeTable.class);

    private final VolumeCatalogue catalogue;
    private final VolumeFiles files;
    private final Clock clock;
    private final Map<UUID, ServedVolume> served = new HashMap<>();
    /** The one field that other threads write. */
    private volatile boolean stopping;

    VolumeTable(VolumeCatalogue catalogue, VolumeFiles files, Clock clock) {
        this.catalogue = catalogue;
        this.files = files;
        this.clock = clock;
    }

    VolumeCatalogue catalogue() {
        return catalogue;
    }

    VolumeFiles files() {
        return files;
    }

    /** Ends what a crash interrupted, then opens every volume; one that can't be opened is tried again at an OPEN. */
    void start() {
        for (VolumeRecord volume : catalogue.volumes()) {
            if (stopping) {
                return;
            }
            switch (volume.state()) {
                case CREATING, DELETING -> removeFiles(volume);
                case LIVE -> {
                    try {
                        device(volume);
                    } catch (StoreException e) {
                        LOG.error("volume {} can't be opened: {}", volume.name(), e.getMessage());
                    }
                }
            }
        }
    }

    /** Removes the files of a volume that is being made or removed, then its entry; what fails is left to a restart. */
    void removeFiles(VolumeRecord volume) {
        try {
            files.delete(volume.uuid());
            served.remove(volume.uuid());
        } catch (StoreException e) {
            LOG.error("the files of volume {} are left for the next start: {}", volume.name(), e.getMessage());
            return;
        }
        CatalogueResult result = catalogue.remove(volume.name());
        if (result instanceof CatalogueResult.Refused refused) {
            LOG.error("volume {} is left for the next start: {}", volume.name(), refused.message());
        }
    }

    /** Returns the volume's list of uses. */
    ServedVolume served(VolumeRecord volume) {
        return served.computeIfAbsent(volume.uuid(), ServedVolume::new);
    }

    /** Returns the volume's device, opening it where that has not been done, or failed some time ago. */
    BlockDevice device(VolumeRecord volume) throws StoreException {
        ServedVolume entry = served(volume);
        if (entry.device() == null) {
            if (stopping) {
                throw new StoreException("the node is stopping");
            }
            long nowNs = clock.nowNs();
            StoreException failure = entry.freshFailure(nowNs);
            if (failure != null) {
                throw failure;
            }
            try {
                entry.device(open(volume));
            } catch (StoreException e) {
                entry.failed(e, nowNs, clock.nowNs());
                throw e;
            }
        }
        return entry.device();
    }

    /**
     * Opens the files. Of their size and the catalogue's the larger counts: a crash may leave the catalogue behind, and the
     * files only an unreadable header, whose older copy has come back.
     */
    private BlockDevice open(VolumeRecord volume) throws StoreException {
        BlockDevice device = files.open(volume.uuid());
        long sizeBytes = device.geometry().sizeBytes();
        long knownBytes = volume.geometry().sizeBytes();
        if (sizeBytes > knownBytes) {
            catalogue.grow(volume.name(), sizeBytes);
        } else if (sizeBytes < knownBytes) {
            LOG.warn("the files of volume {} are for {} bytes and grown to {}", volume.name(), sizeBytes, knownBytes);
            try {
                files.grow(device, knownBytes);
            } catch (StoreException e) {
                device.close();
                throw e;
            }
        }
        return device;
    }

    /** Finds out which volumes can't be opened, or answer errors. */
    VolumeAilments ailments() {
        int unopenable = 0;
        int degraded = 0;
        List<String> lines = new ArrayList<>();
        for (VolumeRecord volume : catalogue.volumes()) {
            ServedVolume entry = served(volume);
            String ailment = "";
            if (entry.device() != null) {
                ailment = files.ailment(entry.device());
                degraded += ailment.isEmpty() ? 0 : 1;
            } else if (entry.failure() != null) {
                ailment = "can't be opened: " + entry.failure().getMessage();
                unopenable++;
            }
            if (!ailment.isEmpty()) {
                lines.add("volume " + volume.name() + ": " + ailment);
            }
        }
        return new VolumeAilments(unopenable, degraded, lines);
    }

    /** Returns the devices of the volumes that are open. */
    Stream<BlockDevice> opened() {
        return served.values().stream().map(ServedVolume::device).filter(Objects::nonNull);
    }

    /** Returns whether no volume is used. */
    boolean isIdle() {
        return served.values().stream().allMatch(volume -> volume.tickets().isEmpty());
    }

    /** Has no more volumes opened: those that are not open by now are left to the next start. Any thread. */
    void stopOpening() {
        stopping = true;
    }

    /** Ends what open volumes do after a crash. */
    void stopSettling() {
        opened().forEach(files::stopSettling);
    }

    /** Returns whether closing the volume's device would wait for a question, and with it for a disk that may hang. */
    boolean isAsked(VolumeRecord volume) {
        BlockDevice device = served(volume).device();
        return device != null && files.isAsked(device);
    }

    /** Closes the volume's device, if it is open. */
    void closeDevice(ServedVolume volume) {
        if (volume.device() != null) {
            volume.device().close();
            volume.device(null);
        }
    }

    /** Closes everything: what is unflushed is made durable first. */
    void close() {
        served.values().forEach(this::closeDevice);
        served.clear();
        files.close();
    }
}
