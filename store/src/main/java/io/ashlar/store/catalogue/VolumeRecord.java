package io.ashlar.store.catalogue;

import io.ashlar.base.block.BlockGeometry;
import java.util.UUID;
import java.util.regex.Pattern;

/**
 * One volume as the catalogue has it.
 *
 * @param name unique on the node, see {@link #isName}
 * @param uuid never used again; the volume's files are found by it
 * @param geometry size and logical block size; never read-only
 * @param createdMs wall clock, milliseconds since 1970
 * @param state where it is in its life
 * @param epoch the fencing number: raised with each new attachment, 0 before the first
 * @param attachment the last one, held or over; null before the first
 */
public record VolumeRecord(
        String name,
        UUID uuid,
        BlockGeometry geometry,
        long createdMs,
        VolumeState state,
        long epoch,
        Attachment attachment) {
    /** Longest name: a DNS label's length (RFC 1035), which every later user of the name can carry. */
    public static final int NAME_CHARS_MAX = 63;

    private static final Pattern NAME = Pattern.compile("[a-z0-9][a-z0-9._-]{0," + (NAME_CHARS_MAX - 1) + "}");

    /** Checks the components. */
    public VolumeRecord {
        if (!isName(name)) {
            throw new IllegalArgumentException("not a volume name");
        }
        if (geometry.readOnly() || epoch < 0 || (attachment != null && epoch == 0)) {
            throw new IllegalArgumentException("volume " + name + ": contradictory record");
        }
    }

    /** Returns whether the text can name a volume: small letters, digits, and inside also {@code . _ -}. */
    public static boolean isName(String text) {
        return NAME.matcher(text).matches();
    }

    /** Returns whether some host holds the right to write. */
    public boolean isAttached() {
        return attachment != null && attachment.isHeld();
    }

    VolumeRecord withState(VolumeState newState) {
        return new VolumeRecord(name, uuid, geometry, createdMs, newState, epoch, attachment);
    }

    VolumeRecord withGeometry(BlockGeometry newGeometry) {
        return new VolumeRecord(name, uuid, newGeometry, createdMs, state, epoch, attachment);
    }

    VolumeRecord withAttachment(long newEpoch, Attachment newAttachment) {
        return new VolumeRecord(name, uuid, geometry, createdMs, state, newEpoch, newAttachment);
    }
}
