package io.ashlar.vduse.inflight;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.UUID;
import java.util.zip.CRC32C;

/**
 * Whose log it is: the immutable header of a {@link DeviceLog}, checksummed, little-endian.
 *
 * <pre>
 *   0 "ASHLINFL" | 8 u32 version = 1 | 12 u16 queues | 14 u16 ring size | 16 u64 features | 24 u64 incarnation
 *   32 volume id: two u64, high half first | 48 u32 name bytes | 52 name, ASCII, then zeroes | 252 u32 CRC32C of bytes 0..251
 * </pre>
 *
 * @param volumeId the volume
 * @param name of the VDUSE device
 * @param features the virtio features that the device was created with
 * @param queues its virtqueues, 1 to {@link #QUEUES_MAX}
 * @param ringSize the most entries of each, a power of two up to {@link #RING_SIZE_MAX}
 * @param incarnation tells attachments of one volume apart: when it was attached, milliseconds since 1970
 */
public record DeviceIdentity(UUID volumeId, String name, long features, int queues, int ringSize, long incarnation) {
    /** Length of the header. */
    public static final int BYTES = 256;

    /** Most entries of a ring. */
    public static final int RING_SIZE_MAX = 1024;

    static final int VERSION = 1;

    private static final int QUEUES_MAX = 128;
    private static final long MAGIC = 0x4C46_4E49_4C48_5341L; // "ASHLINFL"
    private static final int VERSION_AT = 8;
    private static final int QUEUES_AT = 12;
    private static final int RING_SIZE_AT = 14;
    private static final int FEATURES_AT = 16;
    private static final int INCARNATION_AT = 24;
    private static final int VOLUME_ID_AT = 32;
    private static final int NAME_BYTES_AT = 48;
    private static final int NAME_AT = 52;
    private static final int CRC_AT = 252;

    /** Checks the numbers. */
    public DeviceIdentity {
        if (queues < 1
                || queues > QUEUES_MAX
                || ringSize < 1
                || ringSize > RING_SIZE_MAX
                || Integer.bitCount(ringSize) != 1
                || name.length() > CRC_AT - NAME_AT) {
            throw new IllegalArgumentException(name + " with " + queues + " queues of " + ringSize);
        }
    }

    /** Returns the same, as if the device had these features. */
    public DeviceIdentity withFeatures(long others) {
        return new DeviceIdentity(volumeId, name, others, queues, ringSize, incarnation);
    }

    /** Returns the same, as if the device had so many queues. */
    public DeviceIdentity withQueues(int otherQueues, int otherRingSize) {
        return new DeviceIdentity(volumeId, name, features, otherQueues, otherRingSize, incarnation);
    }

    /** Returns the header. */
    public byte[] toBytes() {
        ByteBuffer bytes = ByteBuffer.allocate(BYTES).order(ByteOrder.LITTLE_ENDIAN);
        byte[] ascii = name.getBytes(StandardCharsets.US_ASCII);
        bytes.putLong(0, MAGIC)
                .putInt(VERSION_AT, VERSION)
                .putShort(QUEUES_AT, (short) queues)
                .putShort(RING_SIZE_AT, (short) ringSize)
                .putLong(FEATURES_AT, features)
                .putLong(INCARNATION_AT, incarnation)
                .putLong(VOLUME_ID_AT, volumeId.getMostSignificantBits())
                .putLong(VOLUME_ID_AT + Long.BYTES, volumeId.getLeastSignificantBits())
                .putInt(NAME_BYTES_AT, ascii.length)
                .put(NAME_AT, ascii)
                .putInt(CRC_AT, crc(bytes));
        return bytes.array();
    }

    /**
     * Reads a header.
     *
     * @param bytes of any content, at least {@link #BYTES}
     * @throws InflightException if it is none, damaged, or of a version that is not known here
     */
    public static DeviceIdentity of(byte[] bytes) throws InflightException {
        ByteBuffer header = ByteBuffer.wrap(bytes, 0, BYTES).order(ByteOrder.LITTLE_ENDIAN);
        if (header.getLong(0) != MAGIC) {
            throw new InflightException("it is no log of requests in flight");
        }
        if (header.getInt(VERSION_AT) != VERSION) {
            throw new InflightException("it is of version " + Integer.toUnsignedString(header.getInt(VERSION_AT))
                    + "; this program knows version " + VERSION);
        }
        if (header.getInt(CRC_AT) != crc(header)) {
            throw new InflightException("its header is damaged");
        }
        int nameBytes = header.getInt(NAME_BYTES_AT);
        try {
            if (nameBytes < 0 || nameBytes > CRC_AT - NAME_AT) {
                throw new IllegalArgumentException("a name of " + nameBytes + " bytes");
            }
            return new DeviceIdentity(
                    new UUID(header.getLong(VOLUME_ID_AT), header.getLong(VOLUME_ID_AT + Long.BYTES)),
                    new String(bytes, NAME_AT, nameBytes, StandardCharsets.US_ASCII),
                    header.getLong(FEATURES_AT),
                    header.getShort(QUEUES_AT) & 0xFFFF,
                    header.getShort(RING_SIZE_AT) & 0xFFFF,
                    header.getLong(INCARNATION_AT));
        } catch (IllegalArgumentException e) {
            throw new InflightException("its header makes no sense: " + e.getMessage());
        }
    }

    private static int crc(ByteBuffer header) {
        CRC32C crc = new CRC32C();
        crc.update(header.slice(0, CRC_AT));
        return (int) crc.getValue();
    }
}
