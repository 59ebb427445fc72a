package io.ashlar.cli;

import com.google.errorprone.annotations.Immutable;
import com.google.protobuf.ByteString;
import io.ashlar.base.text.SizeText;
import io.ashlar.protocol.message.VolumeInfo;
import java.nio.ByteBuffer;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.UUID;

/** A volume as the commands print it. */
@Immutable
final class VolumeView {
    private VolumeView() {}

    /** Returns all that is known, in the order of printing; numbers stay numbers for programs. */
    static Map<String, Object> all(VolumeInfo volume) {
        Map<String, Object> fields = new LinkedHashMap<>();
        fields.put("name", volume.getName());
        fields.put("id", uuid(volume.getVolumeId()).toString());
        fields.put("sizeBytes", volume.getGeometry().getSizeBytes());
        fields.put("blockSize", volume.getGeometry().getLogicalBlockBytes());
        fields.put("storedBytes", volume.getStoredBytes());
        fields.put("createdAt", Instant.ofEpochMilli(volume.getCreatedMs()).toString());
        fields.put("epoch", volume.getEpoch());
        boolean held = volume.hasHolder();
        fields.put("heldBy", held ? volume.getHolder().getHostId() : null);
        fields.put(
                "heldSince",
                held ? Instant.ofEpochMilli(volume.getHolder().getSinceMs()).toString() : null);
        return fields;
    }

    /** Returns the row of a listing for people. */
    static Map<String, Object> row(VolumeInfo volume) {
        Map<String, Object> fields = all(volume);
        fields.put("size", SizeText.format(volume.getGeometry().getSizeBytes()));
        fields.put("stored", SizeText.format(volume.getStoredBytes()));
        return fields;
    }

    private static UUID uuid(ByteString bytes) {
        if (bytes.size() != 2 * Long.BYTES) {
            return new UUID(0, 0);
        }
        ByteBuffer buffer = bytes.asReadOnlyByteBuffer();
        return new UUID(buffer.getLong(), buffer.getLong());
    }
}
