package io.ashlar.store.crash;

import io.ashlar.store.file.ForwardingStorageIo;
import io.ashlar.store.file.Scratch;
import io.ashlar.store.file.StorageFile;
import io.ashlar.store.file.StorageIo;
import io.ashlar.store.file.StoreException;
import io.ashlar.store.format.BlockVersion;
import io.ashlar.store.format.ExtentHeader;
import io.ashlar.store.format.MapEntry;
import io.netty.buffer.ByteBuf;
import io.netty.util.internal.PlatformDependent;
import java.nio.file.Path;

/** A file system that stores map entries without their previous version, as if the store had no second checksum. */
final class ForgetfulStorageIo extends ForwardingStorageIo {
    ForgetfulStorageIo(StorageIo below) {
        super(below);
    }

    @Override
    public StorageFile open(Path path, Mode mode) throws StoreException {
        StorageFile file = super.open(path, mode);
        String name = path.getFileName().toString();
        if (!name.contains(".meta")) {
            return file;
        }
        int index = Integer.parseUnsignedInt(name.substring(0, 8), 16);
        ExtentHeader extent = new ExtentHeader(SteppedStore.VOLUME, index, 0, SteppedStore.SHAPE);
        return new ForwardingFile(file) {
            @Override
            public long write(long address, long lengthBytes, long offset) {
                if (offset < ExtentHeader.MAP_OFFSET) {
                    return super.write(address, lengthBytes, offset);
                }
                ByteBuf entries = Scratch.allocate((int) lengthBytes);
                PlatformDependent.copyMemory(address, entries.memoryAddress(), lengthBytes);
                int first = (int) (offset - ExtentHeader.MAP_OFFSET) / MapEntry.BYTES;
                BlockVersion previous = new BlockVersion();
                BlockVersion next = new BlockVersion();
                for (int i = 0; i < lengthBytes / MapEntry.BYTES; i++) {
                    MapEntry.decode(entries, i * MapEntry.BYTES, previous, next, extent, first + i);
                    MapEntry.encode(entries, i * MapEntry.BYTES, next, next, extent, first + i);
                }
                return super.write(entries.memoryAddress(), lengthBytes, offset);
            }
        };
    }
}
