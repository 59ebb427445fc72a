package io.ashlar.store.offline;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.block.BlockGeometry;
import io.ashlar.store.extent.IoContext;
import io.ashlar.store.file.StorageFile;
import io.ashlar.store.file.StorageIo;
import io.ashlar.store.file.StoreException;
import io.ashlar.store.format.ExtentHeader;
import io.ashlar.store.format.ExtentShape;
import io.ashlar.store.format.HeaderSlots;
import io.ashlar.store.format.IntentSector;
import io.ashlar.store.format.MapEntry;
import io.ashlar.store.format.RegionMap;
import io.ashlar.store.format.VolumeHeader;
import io.ashlar.store.intent.IntentFile;
import io.netty.buffer.ByteBuf;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.Set;
import java.util.TreeSet;

/** Reads a volume's folder, block by block, without changing a byte of it. */
@ConfinedTo(LoopKind.OWNER)
public final class OfflineVolume {
    private final StorageIo io;
    private final Path folder;
    private final VolumeHeader header;
    private final Set<Long> marked = new HashSet<>();
    private final Set<Integer> extents = new TreeSet<>();
    private final IoContext context = new IoContext(true);
    private final OfflineVisitor visitor;

    /**
     * Opens the volume; what is wrong with the folder's own files is told to the visitor.
     *
     * @throws StoreException if the volume can't be read at all
     */
    public OfflineVolume(StorageIo io, Path folder, OfflineVisitor visitor) throws StoreException {
        this.io = io;
        this.folder = folder;
        this.visitor = visitor;
        StorageFile file = io.open(folder.resolve(VolumeHeader.FILE), StorageIo.Mode.READ);
        try {
            HeaderSlots slots = new HeaderSlots(file, VolumeHeader.MAGIC);
            header = VolumeHeader.read(slots, "volume " + folder.getFileName());
            reportSlots(slots, VolumeHeader.FILE);
        } finally {
            file.close();
        }
        findExtents();
        loadIntents();
    }

    private void loadIntents() throws StoreException {
        IntentFile intents = new IntentFile(
                io.open(folder.resolve(IntentSector.FILE), StorageIo.Mode.READ), header.regionsMarkedMax());
        intents.load();
        for (int slot = 0; slot < intents.slots(); slot++) {
            if (intents.get(slot) != 0) {
                marked.add(intents.get(slot));
            }
        }
        marked.stream()
                .map(IntentSector::extentOf)
                .distinct()
                .filter(index -> !extents.contains(index))
                .forEach(index -> visitor.onFileProblem(metadataName(index), "is gone, though regions are marked"));
        if (intents.damagedCopies() > 0) {
            visitor.onFileProblem(IntentSector.FILE, intents.damagedCopies() + " sectors are damaged");
        }
        intents.close();
    }

    private void reportSlots(HeaderSlots slots, String name) {
        if (slots.validSlots() < 2) {
            visitor.onFileProblem(name, "a copy of the header is damaged");
        }
    }

    /** Returns the volume's header. */
    public VolumeHeader header() {
        return header;
    }

    /** Returns how many regions wait to be settled by the next start. */
    public int markedRegions() {
        return marked.size();
    }

    /** Returns the indexes of the extents that exist, in order. */
    public Set<Integer> extents() {
        return extents;
    }

    private void findExtents() throws StoreException {
        int count = header.shape().extentCount(header.geometry().sizeBytes());
        for (String name : io.list(folder)) {
            if (name.endsWith(ExtentHeader.METADATA_SUFFIX)) {
                try {
                    int index = Integer.parseUnsignedInt(name.substring(0, name.indexOf('-')), 16);
                    extents.add(index);
                    if (index >= count) {
                        visitor.onFileProblem(name, "lies behind the volume's end: its header was for a larger one");
                    }
                } catch (NumberFormatException | StringIndexOutOfBoundsException e) {
                    visitor.onFileProblem(name, "is no file of this volume");
                }
            }
        }
    }

    private ExtentHeader extent(int index) {
        return new ExtentHeader(header.uuid(), index, 0, header.shape());
    }

    private String metadataName(int index) {
        return extent(index).fileName() + ExtentHeader.METADATA_SUFFIX;
    }

    /**
     * Reads all blocks of an extent, unless it can't be opened, which is told to the visitor.
     *
     * @return whether it could be opened
     * @throws StoreException only if the visitor does
     */
    public boolean visit(int index) throws StoreException {
        ExtentHeader extent = extent(index);
        StorageFile metadata = null;
        StorageFile data = null;
        try {
            try {
                metadata = io.open(folder.resolve(metadataName(index)), StorageIo.Mode.READ);
                data = io.open(folder.resolve(extent.fileName() + ExtentHeader.DATA_SUFFIX), StorageIo.Mode.READ);
                HeaderSlots slots = new HeaderSlots(metadata, ExtentHeader.MAGIC);
                extent.check(slots, "extent " + extent.fileName());
                reportSlots(slots, metadataName(index));
            } catch (StoreException e) {
                visitor.onFileProblem(metadataName(index), e.getMessage());
                return false;
            }
            for (int region = 0; region < header.shape().extentRegions(); region++) {
                visitRegion(extent, region, metadata, data);
            }
            return true;
        } finally {
            close(metadata);
            close(data);
        }
    }

    private static void close(StorageFile file) {
        if (file != null) {
            file.close();
        }
    }

    private void visitRegion(ExtentHeader extent, int region, StorageFile metadata, StorageFile data)
            throws StoreException {
        ExtentShape shape = header.shape();
        ByteBuf page = context.page();
        long offset = ExtentHeader.MAP_OFFSET + (long) region * shape.pageBytes();
        boolean readable = metadata.read(page.memoryAddress(), shape.pageBytes(), offset) == shape.pageBytes();
        boolean isMarked = marked.contains(IntentSector.slot(extent.index(), region, extent.layer()));
        if (readable && RegionMap.isBlank(page, shape.regionBlocks())) {
            return;
        }
        for (int i = 0; i < shape.regionBlocks(); i++) {
            int block = region * shape.regionBlocks() + i;
            BlockVerdict verdict =
                    readable ? judge(extent, block, i * MapEntry.BYTES, isMarked, data) : BlockVerdict.UNREADABLE;
            if (verdict != BlockVerdict.EMPTY) {
                visitor.onBlock((long) extent.index() * shape.extentBlocks() + block, verdict, context.edges());
            }
        }
    }

    /** Leaves the block's bytes in the context's edge buffer. */
    private BlockVerdict judge(ExtentHeader extent, int block, int index, boolean isMarked, StorageFile data) {
        ByteBuf page = context.page();
        if (MapEntry.isBlank(page, index) && isMarked) {
            return BlockVerdict.EMPTY;
        }
        if (!MapEntry.decode(page, index, context.previous(), context.next(), extent, block)) {
            return BlockVerdict.ENTRY_DAMAGED;
        }
        if (context.next().state() != MapEntry.DATA) {
            return BlockVerdict.EMPTY;
        }
        ByteBuf bytes = context.edges();
        long offset = (long) block << BlockGeometry.BLOCK_SHIFT;
        if (data.read(bytes.memoryAddress(), BlockGeometry.BLOCK_BYTES, offset) != BlockGeometry.BLOCK_BYTES) {
            return BlockVerdict.UNREADABLE;
        }
        int found = context.crc().compute(bytes, 0, BlockGeometry.BLOCK_BYTES);
        if (found == context.next().checksum()) {
            return BlockVerdict.SOUND;
        }
        if (!isMarked) {
            return BlockVerdict.CORRUPT;
        }
        boolean isPrevious = context.previous().state() == MapEntry.DATA
                && found == context.previous().checksum();
        return isPrevious ? BlockVerdict.PREVIOUS : BlockVerdict.TORN;
    }
}
