package io.ashlar.server.metrics;

/**
 * How full the node is.
 *
 * @param volumes volumes in service
 * @param attachments volumes that some host holds
 * @param settling volumes of which a crash left regions marked that are not settled yet
 * @param degraded volumes that are open and answer errors, in part or to all but reads
 * @param unopenable volumes that can't be opened
 * @param storedBytes bytes on the disk that the volumes' files take
 * @param capacityBytes size of the data folder's file system
 * @param freeBytes what is left of it
 */
public record StoreFigures(
        int volumes,
        int attachments,
        int settling,
        int degraded,
        int unopenable,
        long storedBytes,
        long capacityBytes,
        long freeBytes) {
    /** Before anything has been counted. */
    public static final StoreFigures NONE = new StoreFigures(0, 0, 0, 0, 0, 0, 0, 0);
}
