package io.ashlar.nbd.handshake;

/**
 * What a handshake agreed on.
 *
 * @param structured whether reads are answered with chunks
 * @param allocation whether BLOCK_STATUS may be asked: base:allocation was chosen for this export
 * @param blockSizes whether the client knows, and so keeps to, the block size; otherwise it may ask for any bytes
 */
public record Terms(boolean structured, boolean allocation, boolean blockSizes) {}
