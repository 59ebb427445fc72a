package io.ashlar.server.registry;

import com.google.errorprone.annotations.Immutable;
import com.google.protobuf.ByteString;
import io.ashlar.base.block.BlockGeometry;
import io.ashlar.protocol.message.Geometry;
import io.ashlar.protocol.message.Holder;
import io.ashlar.protocol.message.VolumeInfo;
import io.ashlar.store.catalogue.VolumeRecord;
import java.nio.ByteBuffer;
import java.util.UUID;

/** Catalogue entries as messages of the protocol. */
@Immutable
public final class VolumeMessages {
    private static final int UUID_BYTES = 16;

    private VolumeMessages() {}

    /** Returns the 16 bytes of the UUID, most significant first. */
    public static ByteString bytes(UUID uuid) {
        return ByteString.copyFrom(ByteBuffer.allocate(UUID_BYTES)
                .putLong(uuid.getMostSignificantBits())
                .putLong(uuid.getLeastSignificantBits())
                .flip());
    }

    /** Returns the geometry as a message. */
    public static Geometry geometry(BlockGeometry geometry) {
        return Geometry.newBuilder()
                .setSizeBytes(geometry.sizeBytes())
                .setLogicalBlockBytes(geometry.logicalBlockBytes())
                .setReadOnly(geometry.readOnly())
                .build();
    }

    /** Returns who holds the volume, which is attached. */
    public static Holder holder(VolumeRecord volume) {
        return Holder.newBuilder()
                .setHostId(volume.attachment().hostId())
                .setSinceMs(volume.attachment().sinceMs())
                .setEpoch(volume.epoch())
                .build();
    }

    /** Returns the volume as it is shown to people. */
    public static VolumeInfo info(VolumeRecord volume, long storedBytes) {
        VolumeInfo.Builder info = VolumeInfo.newBuilder()
                .setName(volume.name())
                .setVolumeId(bytes(volume.uuid()))
                .setGeometry(geometry(volume.geometry()))
                .setEpoch(volume.epoch())
                .setStoredBytes(storedBytes)
                .setCreatedMs(volume.createdMs());
        if (volume.isAttached()) {
            info.setHolder(holder(volume));
        }
        return info.build();
    }
}
