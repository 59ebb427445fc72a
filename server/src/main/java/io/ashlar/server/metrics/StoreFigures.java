package io.ashlar.server.metrics;

/**
 * How full the node is.
 *
 * @param volumes volumes in service
 * @param attachments volumes that some host holds
 * @param storedBytes bytes on the disk that the volumes' files take
 * @param capacityBytes size of the data folder's file system
 * @param freeBytes what is left of it
 */
public record StoreFigures(int volumes, int attachments, long storedBytes, long capacityBytes, long freeBytes) {}
