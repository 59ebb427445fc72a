package io.ashlar.server.registry;

/**
 * What a client asks for with OPEN.
 *
 * @param volume the volume's name, as it came
 * @param hostId who asks, as it came
 * @param epoch 0 for a new attachment, else the one that the connection belongs to
 * @param readOnly reads only: takes no attachment
 * @param steal take the volume from whoever holds it
 * @param loop which of the host's loops asks
 * @param attempt greater than in everything that the host has asked for in this attachment before
 */
public record OpenRequest(
        String volume, String hostId, long epoch, boolean readOnly, boolean steal, int loop, long attempt) {}
