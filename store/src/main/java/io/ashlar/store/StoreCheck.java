package io.ashlar.store;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.store.file.StorageIo;
import io.ashlar.store.file.StoreException;
import io.ashlar.store.offline.BlockVerdict;
import io.ashlar.store.offline.OfflineVisitor;
import io.ashlar.store.offline.OfflineVolume;
import io.netty.buffer.ByteBuf;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;

/**
 * Reads every block of a data folder that no node runs on, and compares it with its checksum. Changes nothing. What an
 * unclean stop has left to be settled is counted, not found fault with.
 */
@ConfinedTo(LoopKind.OWNER)
public final class StoreCheck {
    /** Most findings that are listed; further ones are only counted. */
    public static final int FINDINGS_MAX = 10_000;

    private final Path path;
    private final StorageIo io;
    private final Progress progress;
    private final List<Finding> findings = new ArrayList<>();
    private long findingsCount;
    private long blocksChecked;
    private long blocksToSettle;
    private int extentsChecked;
    private int regionsToSettle;

    /** Prepares the check of a data folder. */
    public StoreCheck(Path path, StorageIo io, Progress progress) {
        this.path = path;
        this.io = io;
        this.progress = progress;
    }

    /** Is told how far a check or export is. */
    @FunctionalInterface
    public interface Progress {
        /** Called after each extent of a volume. */
        void onExtent(UUID volume, int extentsDone, int extentsTotal);
    }

    /**
     * Something wrong.
     *
     * @param volume the volume
     * @param file the file concerned, or empty
     * @param block the block of the volume, or -1
     * @param problem a few words
     */
    public record Finding(UUID volume, String file, long block, String problem) {}

    /**
     * The outcome.
     *
     * @param volumes volumes checked
     * @param extents extents checked
     * @param blocks blocks with data that were read
     * @param regionsToSettle regions that the next start settles, after an unclean stop
     * @param blocksToSettle blocks in them that don't hold their newest version
     * @param findingsCount how many problems there are
     * @param findings the first {@link #FINDINGS_MAX} of them
     */
    public record Report(
            int volumes,
            int extents,
            long blocks,
            int regionsToSettle,
            long blocksToSettle,
            long findingsCount,
            List<Finding> findings) {
        /** Returns whether nothing is wrong. */
        public boolean isSound() {
            return findingsCount == 0;
        }
    }

    /**
     * Checks the folder.
     *
     * @throws StoreException in one line, if a node runs on the folder or it is no data folder
     */
    public Report run() throws StoreException {
        try (FolderLock lock = FolderLock.take(path, io)) {
            List<UUID> volumes = lock.volumes();
            for (UUID volume : volumes) {
                checkVolume(volume);
            }
            return new Report(
                    volumes.size(),
                    extentsChecked,
                    blocksChecked,
                    regionsToSettle,
                    blocksToSettle,
                    findingsCount,
                    List.copyOf(findings));
        }
    }

    private void checkVolume(UUID uuid) {
        OfflineVisitor visitor = new OfflineVisitor() {
            @Override
            public void onFileProblem(String file, String problem) {
                found(uuid, file, -1, problem);
            }

            @Override
            public void onBlock(long block, BlockVerdict verdict, ByteBuf bytes) {
                blocksChecked++;
                if (!verdict.isAcceptable()) {
                    found(uuid, "", block, verdict.text());
                } else if (verdict != BlockVerdict.SOUND) {
                    blocksToSettle++;
                }
            }
        };
        try {
            OfflineVolume volume = new OfflineVolume(io, FolderLock.folderOf(path, uuid), visitor);
            regionsToSettle += volume.markedRegions();
            int done = 0;
            int total = volume.extents().size();
            for (int extent : volume.extents()) {
                extentsChecked += volume.visit(extent) ? 1 : 0;
                progress.onExtent(uuid, ++done, total);
            }
        } catch (StoreException e) {
            found(uuid, "", -1, e.getMessage());
        }
    }

    private void found(UUID volume, String file, long block, String problem) {
        findingsCount++;
        if (findings.size() < FINDINGS_MAX) {
            findings.add(new Finding(volume, file, block, problem));
        }
    }
}
