package io.ashlar.vduse.blk;

import io.ashlar.base.block.BlockGeometry;
import io.ashlar.vduse.vring.VringOptions;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * What a virtio block device shows of itself: feature bits and configuration space (virtio 1.2, 5.2.3 and 5.2.4).
 *
 * @param geometry size, logical block and read-only, from the volume
 * @param serial answer to GET_ID: 1 to 20 printable ASCII characters (virtio 1.2, 5.2.6)
 * @param queueCount virtqueues offered, 1 to 1024
 * @param queueSize entries of each: a power of two, 4 to 1024
 * @param optimalIoBytes preferred request size, shown as opt_io_size: a multiple of 4096; Linux derives its read-ahead and
 *     largest request from it
 * @param eventIdx whether VIRTIO_F_EVENT_IDX is offered
 * @param indirect whether VIRTIO_F_INDIRECT_DESC is offered
 */
public record VirtioBlkConfig(
        BlockGeometry geometry,
        String serial,
        int queueCount,
        int queueSize,
        int optimalIoBytes,
        boolean eventIdx,
        boolean indirect) {
    /** Device type (virtio 1.2, 5.2.1). */
    public static final int DEVICE_ID = 2;
    /** Bytes of the configuration space up to the secure-erase fields, which stay zero (virtio 1.2, 5.2.4). */
    public static final int CONFIG_BYTES = 72;
    /** Bytes of a serial (virtio 1.2, 5.2.6: VIRTIO_BLK_T_GET_ID). */
    public static final int SERIAL_BYTES = 20;
    /** Largest data segment: keeps each within the sizes that the kernel's IOVA caches serve. */
    public static final int SIZE_MAX_BYTES = 128 << 10;
    /** Most data segments of a request; with header and status that makes 128 descriptors. */
    public static final int SEG_MAX = 126;
    /** Most ranges of a discard or write-zeroes request. */
    public static final int RANGES_MAX = 32;
    /** Longest range of a discard or write-zeroes request: an extent. */
    public static final long RANGE_BYTES_MAX = BlockGeometry.EXTENT_BYTES;

    // Feature bits: virtio 1.2, 5.2.3 and 6
    private static final int F_SIZE_MAX = 1;
    private static final int F_SEG_MAX = 2;
    private static final int F_RO = 5;
    private static final int F_BLK_SIZE = 6;
    private static final int F_FLUSH = 9;
    private static final int F_TOPOLOGY = 10;
    private static final int F_MQ = 12;
    private static final int F_DISCARD = 13;
    private static final int F_WRITE_ZEROES = 14;
    private static final int F_VERSION_1 = 32;
    private static final int F_ACCESS_PLATFORM = 33;

    private static final int QUEUES_MAX = 1024;
    private static final int QUEUE_SIZE_MIN = 4;
    private static final int QUEUE_SIZE_MAX = 1024;
    private static final int OPTIMAL_IO_BYTES_MAX = 64 << 20;

    /** Checks the components. */
    public VirtioBlkConfig {
        if (!serial.matches("[\\x21-\\x7e]{1," + SERIAL_BYTES + "}")) {
            throw new IllegalArgumentException("serial '" + serial + "' is not 1 to 20 printable ASCII characters");
        }
        if (queueCount < 1 || queueCount > QUEUES_MAX) {
            throw new IllegalArgumentException("number of queues " + queueCount + " is not 1 to " + QUEUES_MAX);
        }
        if (queueSize < QUEUE_SIZE_MIN || queueSize > QUEUE_SIZE_MAX || Integer.bitCount(queueSize) != 1) {
            throw new IllegalArgumentException("queue size " + queueSize + " is not a power of two from "
                    + QUEUE_SIZE_MIN + " to " + QUEUE_SIZE_MAX);
        }
        if (optimalIoBytes < BlockGeometry.BLOCK_BYTES
                || optimalIoBytes > OPTIMAL_IO_BYTES_MAX
                || optimalIoBytes % BlockGeometry.BLOCK_BYTES != 0) {
            throw new IllegalArgumentException("optimal I/O size " + optimalIoBytes + " is not a multiple of "
                    + BlockGeometry.BLOCK_BYTES + " up to " + OPTIMAL_IO_BYTES_MAX);
        }
    }

    /** Returns this configuration for a volume that has changed. */
    public VirtioBlkConfig withGeometry(BlockGeometry newGeometry) {
        return new VirtioBlkConfig(newGeometry, serial, queueCount, queueSize, optimalIoBytes, eventIdx, indirect);
    }

    /** Returns the feature bits to offer. */
    public long features() {
        long features = bit(F_VERSION_1)
                | bit(F_ACCESS_PLATFORM)
                | bit(F_SIZE_MAX)
                | bit(F_SEG_MAX)
                | bit(F_BLK_SIZE)
                | bit(F_FLUSH)
                | bit(F_TOPOLOGY)
                | bit(F_MQ)
                | bit(F_DISCARD)
                | bit(F_WRITE_ZEROES);
        features |= geometry.readOnly() ? bit(F_RO) : 0;
        features |= eventIdx ? bit(VringOptions.FEATURE_EVENT_IDX) : 0;
        return features | (indirect ? bit(VringOptions.FEATURE_INDIRECT_DESC) : 0);
    }

    /**
     * Returns whether a driver's choice can be served: nothing that was not offered, and the two features that make the
     * rings little-endian and their addresses IOVAs.
     */
    public boolean accepts(long driverFeatures) {
        long needed = bit(F_VERSION_1) | bit(F_ACCESS_PLATFORM);
        return (driverFeatures & ~features()) == 0 && (driverFeatures & needed) == needed;
    }

    /** Returns the most data segments of a request, such that a chain also fits the ring itself. */
    public int segmentsMax() {
        return Math.min(SEG_MAX, queueSize - 2);
    }

    /** Returns the most data bytes of a request. */
    public int requestBytesMax() {
        return segmentsMax() * SIZE_MAX_BYTES;
    }

    /** Returns the configuration space, {@link #CONFIG_BYTES} long (struct virtio_blk_config, virtio 1.2, 5.2.4). */
    public byte[] toBytes() {
        int blockBytes = geometry.logicalBlockBytes();
        int physicalBlocks = BlockGeometry.BLOCK_BYTES / blockBytes;
        int rangeSectors = (int) (RANGE_BYTES_MAX >> BlockGeometry.SECTOR_SHIFT);
        ByteBuffer space = ByteBuffer.allocate(CONFIG_BYTES).order(ByteOrder.LITTLE_ENDIAN);
        space.putLong(0, geometry.sizeBytes() >> BlockGeometry.SECTOR_SHIFT); // capacity
        space.putInt(8, SIZE_MAX_BYTES);
        space.putInt(12, segmentsMax());
        space.putInt(20, blockBytes);
        space.put(24, (byte) Integer.numberOfTrailingZeros(physicalBlocks)); // physical_block_exp
        space.putShort(26, (short) physicalBlocks); // min_io_size
        space.putInt(28, optimalIoBytes / blockBytes); // opt_io_size
        space.putShort(34, (short) queueCount);
        space.putInt(36, rangeSectors); // max_discard_sectors
        space.putInt(40, RANGES_MAX); // max_discard_seg
        space.putInt(44, BlockGeometry.BLOCK_BYTES >> BlockGeometry.SECTOR_SHIFT); // discard_sector_alignment
        space.putInt(48, rangeSectors); // max_write_zeroes_sectors
        space.putInt(52, RANGES_MAX); // max_write_zeroes_seg
        space.put(56, (byte) 1); // write_zeroes_may_unmap
        return space.array();
    }

    /** Returns the answer to GET_ID: the serial, filled up with zeroes. */
    public byte[] serialBytes() {
        return Arrays.copyOf(serial.getBytes(StandardCharsets.US_ASCII), SERIAL_BYTES);
    }

    private static long bit(int feature) {
        return 1L << feature;
    }
}
