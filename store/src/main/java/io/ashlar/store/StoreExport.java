package io.ashlar.store;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.block.BlockGeometry;
import io.ashlar.base.sys.Errno;
import io.ashlar.store.StoreCheck.Finding;
import io.ashlar.store.file.StorageFile;
import io.ashlar.store.file.StorageIo;
import io.ashlar.store.file.StoreException;
import io.ashlar.store.offline.BlockVerdict;
import io.ashlar.store.offline.OfflineVisitor;
import io.ashlar.store.offline.OfflineVolume;
import io.netty.buffer.ByteBuf;
import java.lang.ref.Reference;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;

/**
 * Copies a volume out of a data folder that no node runs on, into a sparse raw image. Every block is verified; one that is
 * corrupt becomes a hole in the image and is listed.
 */
@ConfinedTo(LoopKind.OWNER)
public final class StoreExport {
    private final Path path;
    private final StorageIo io;
    private final StoreCheck.Progress progress;
    private final List<Finding> findings = new ArrayList<>();
    private long blocks;
    private long findingsCount;

    /** Prepares an export from a data folder. */
    public StoreExport(Path path, StorageIo io, StoreCheck.Progress progress) {
        this.path = path;
        this.io = io;
        this.progress = progress;
    }

    /**
     * The outcome.
     *
     * @param sizeBytes size of the image
     * @param blocks 4 KiB blocks copied
     * @param findingsCount how many problems there are
     * @param findings the first {@link StoreCheck#FINDINGS_MAX} of them
     */
    public record Report(long sizeBytes, long blocks, long findingsCount, List<Finding> findings) {}

    /**
     * Exports a volume; the image is durable on return.
     *
     * @throws StoreException in one line, if a node runs on the folder, there is no such volume, the image exists already
     *     or can't be written
     */
    public Report run(UUID uuid, Path image) throws StoreException {
        Path target = image.toAbsolutePath();
        if (io.list(target.getParent()).contains(target.getFileName().toString())) {
            throw new StoreException(image + " exists already");
        }
        try (FolderLock lock = FolderLock.take(path, io)) {
            if (!lock.volumes().contains(uuid)) {
                throw new StoreException("volume " + uuid + " does not exist");
            }
            StorageFile file = io.open(target, StorageIo.Mode.CREATE);
            try {
                return copy(uuid, file);
            } finally {
                file.close();
            }
        }
    }

    private Report copy(UUID uuid, StorageFile image) throws StoreException {
        OfflineVolume volume = new OfflineVolume(io, FolderLock.folderOf(path, uuid), new Copier(uuid, image));
        long size = volume.header().geometry().sizeBytes();
        check(image.truncate(size));
        int done = 0;
        int total = volume.extents().size();
        for (int extent : volume.extents()) {
            volume.visit(extent);
            progress.onExtent(uuid, ++done, total);
        }
        // The last block may reach beyond a volume that ends inside it.
        check(image.truncate(size));
        check(image.syncData());
        return new Report(size, blocks, findingsCount, List.copyOf(findings));
    }

    private static void check(long result) throws StoreException {
        if (result < 0) {
            throw new StoreException("can't write the image: " + Errno.describe(result), (int) -result);
        }
    }

    /** Writes sound blocks, lists the others. */
    private final class Copier implements OfflineVisitor {
        private final UUID uuid;
        private final StorageFile image;

        Copier(UUID uuid, StorageFile image) {
            this.uuid = uuid;
            this.image = image;
        }

        @Override
        public void onFileProblem(String file, String problem) {
            found(file, -1, problem);
        }

        @Override
        public void onBlock(long block, BlockVerdict verdict, ByteBuf bytes) throws StoreException {
            if (verdict != BlockVerdict.SOUND) {
                found("", block, verdict.text());
            }
            if (!verdict.isAcceptable()) {
                return;
            }
            try {
                long result = image.write(
                        bytes.memoryAddress(), BlockGeometry.BLOCK_BYTES, block << BlockGeometry.BLOCK_SHIFT);
                check(result == BlockGeometry.BLOCK_BYTES ? 0 : result < 0 ? result : -Errno.ENOSPC);
            } finally {
                Reference.reachabilityFence(bytes);
            }
            blocks++;
        }

        private void found(String file, long block, String problem) {
            findingsCount++;
            if (findings.size() < StoreCheck.FINDINGS_MAX) {
                findings.add(new Finding(uuid, file, block, problem));
            }
        }
    }
}
