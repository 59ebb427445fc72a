package io.ashlar.store.offline;

import io.ashlar.store.file.StoreException;
import io.netty.buffer.ByteBuf;

/** Is told what an {@link OfflineVolume} finds. */
public interface OfflineVisitor {
    /** A file of the volume is damaged, but could be read. */
    void onFileProblem(String file, String problem);

    /**
     * A block that is not empty.
     *
     * @param block counted from the start of the volume
     * @param bytes 4 KiB from index 0, valid if the verdict is about data, during the call
     */
    void onBlock(long block, BlockVerdict verdict, ByteBuf bytes) throws StoreException;
}
