package io.ashlar.store.catalogue;

import io.ashlar.base.block.BlockGeometry;
import io.ashlar.store.file.StoreException;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.UUID;
import java.util.zip.CRC32C;

/**
 * The catalogue as bytes, little-endian ({@code docs/on-disk-format.md}, "Catalogue"):
 *
 * <pre>
 *   0 u32 magic 'ASHC' | 4 u16 version = 1 | 6 u16 reserved 0 | 8 u32 bytes of the body | 12 u32 CRC32C
 *  16 body: incarnation ceiling u64 | volumes u32 | volumes in the order of their names:
 *     name text | uuid 16 | size u64 | logical block u32 | created ms u64 | state u8 | epoch u64 |
 *     attachment u8 (0 none, 1 follows): host text | since ms u64 | stolen u8 | ended ms u64
 *     (text: u8 length, then ASCII)
 * </pre>
 *
 * The checksum covers bytes 0 to 11 and the body. Anything that {@link #encode} could not have written is refused.
 */
final class CatalogueCodec {
    /** "ASHC" read as a little-endian number. */
    static final int MAGIC = 0x43485341;

    static final int VERSION = 1;
    static final int HEADER_BYTES = 16;
    /** Largest file: {@link CatalogueImage#VOLUMES_MAX} entries of at most 300 bytes fit twice. */
    static final int FILE_BYTES_MAX = 4 << 20;

    private static final int CHECKSUM_OFFSET = 12;
    /** More than an entry can take: name 64, attachment 147, the rest 53. */
    private static final int ENTRY_BYTES_MAX = 300;

    private CatalogueCodec() {}

    /** Returns the bytes of the image. */
    static byte[] encode(CatalogueImage image) {
        int bytesMax = HEADER_BYTES + 12 + image.volumes().size() * ENTRY_BYTES_MAX;
        ByteBuffer out = ByteBuffer.allocate(bytesMax).order(ByteOrder.LITTLE_ENDIAN);
        out.position(HEADER_BYTES);
        out.putLong(image.incarnationCeiling());
        out.putInt(image.volumes().size());
        image.volumes().values().forEach(volume -> putVolume(out, volume));
        int length = out.position();
        out.putInt(0, MAGIC).putShort(4, (short) VERSION).putShort(6, (short) 0).putInt(8, length - HEADER_BYTES);
        out.putInt(CHECKSUM_OFFSET, checksum(out.array(), length));
        byte[] result = new byte[length];
        out.get(0, result);
        return result;
    }

    /**
     * Returns the image of the bytes.
     *
     * @throws StoreException when they are not a catalogue of this version, whole and unharmed
     */
    static CatalogueImage decode(byte[] bytes) throws StoreException {
        ByteBuffer in = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
        if (bytes.length < HEADER_BYTES || in.getInt(0) != MAGIC) {
            throw new StoreException("the volume catalogue is not one");
        }
        if (in.getShort(4) != VERSION) {
            throw new StoreException("the volume catalogue has version " + Short.toUnsignedInt(in.getShort(4))
                    + ", this program knows version " + VERSION);
        }
        if (in.getInt(8) != bytes.length - HEADER_BYTES
                || in.getInt(CHECKSUM_OFFSET) != checksum(bytes, bytes.length)) {
            throw new StoreException("the volume catalogue is damaged");
        }
        try {
            CatalogueImage image = body(in.position(HEADER_BYTES));
            if (in.hasRemaining() || in.getShort(6) != 0) {
                throw new StoreException("the volume catalogue has bytes of no meaning");
            }
            return image;
        } catch (IllegalArgumentException | BufferUnderflowException e) {
            throw new StoreException("the volume catalogue contradicts itself: " + e.getMessage());
        }
    }

    private static CatalogueImage body(ByteBuffer in) {
        long ceiling = in.getLong();
        int count = in.getInt();
        SortedMap<String, VolumeRecord> volumes = new TreeMap<>();
        for (int i = 0; i < count; i++) {
            VolumeRecord volume = getVolume(in);
            if (!volumes.isEmpty() && volumes.lastKey().compareTo(volume.name()) >= 0) {
                throw new IllegalArgumentException("volumes out of order");
            }
            volumes.put(volume.name(), volume);
        }
        return new CatalogueImage(ceiling, volumes);
    }

    private static void putVolume(ByteBuffer out, VolumeRecord volume) {
        putText(out, volume.name());
        putUuid(out, volume.uuid());
        out.putLong(volume.geometry().sizeBytes());
        out.putInt(volume.geometry().logicalBlockBytes());
        out.putLong(volume.createdMs());
        out.put((byte) volume.state().code());
        out.putLong(volume.epoch());
        Attachment attachment = volume.attachment();
        out.put((byte) (attachment == null ? 0 : 1));
        if (attachment != null) {
            putText(out, attachment.hostId());
            out.putLong(attachment.sinceMs());
            out.put((byte) (attachment.stolen() ? 1 : 0));
            out.putLong(attachment.endedMs());
        }
    }

    private static VolumeRecord getVolume(ByteBuffer in) {
        String name = getText(in);
        UUID uuid = getUuid(in);
        BlockGeometry geometry = new BlockGeometry(in.getLong(), in.getInt(), false);
        long createdMs = in.getLong();
        VolumeState state = VolumeState.ofCode(in.get());
        if (state == null) {
            throw new IllegalArgumentException("unknown state");
        }
        long epoch = in.getLong();
        Attachment attachment = flag(in) ? new Attachment(getText(in), in.getLong(), flag(in), in.getLong()) : null;
        return new VolumeRecord(name, uuid, geometry, createdMs, state, epoch, attachment);
    }

    private static boolean flag(ByteBuffer in) {
        byte value = in.get();
        if (value != 0 && value != 1) {
            throw new IllegalArgumentException("neither yes nor no");
        }
        return value == 1;
    }

    private static void putText(ByteBuffer out, String text) {
        byte[] ascii = text.getBytes(StandardCharsets.US_ASCII);
        out.put((byte) ascii.length).put(ascii);
    }

    private static String getText(ByteBuffer in) {
        byte[] ascii = new byte[Byte.toUnsignedInt(in.get())];
        in.get(ascii);
        return new String(ascii, StandardCharsets.US_ASCII);
    }

    private static void putUuid(ByteBuffer out, UUID uuid) {
        out.putLong(uuid.getMostSignificantBits()).putLong(uuid.getLeastSignificantBits());
    }

    private static UUID getUuid(ByteBuffer in) {
        return new UUID(in.getLong(), in.getLong());
    }

    private static int checksum(byte[] bytes, int length) {
        CRC32C crc = new CRC32C();
        crc.update(bytes, 0, CHECKSUM_OFFSET);
        crc.update(bytes, HEADER_BYTES, length - HEADER_BYTES);
        return (int) crc.getValue();
    }
}
