package io.ashlar.client.copy;

/**
 * What a copy came to.
 *
 * @param sizeBytes length of the image
 * @param dataBytes how much of it was moved; the rest was zeroes
 * @param checksum CRC32C of the whole image, eight hexadecimal digits
 */
public record CopyReport(long sizeBytes, long dataBytes, String checksum) {}
