package io.ashlar.server.registry;

import io.ashlar.base.block.BlockGeometry;

/**
 * One connection's use of a volume, as the registry sees it. The methods may be called by any thread and at most post to
 * the connection's loop.
 */
public interface VolumeUse {
    /** Returns whether the client still waits for its OPEN to be answered. */
    boolean isAwaited();

    /**
     * Ends the use: requests not yet executed are refused or dropped, and when none is under way any more {@link
     * UseTicket#drained} is called, once.
     *
     * @param fenced whether there is a newer epoch, so that new requests are answered FENCED; else the client itself has
     *     opened the volume anew, and the connection is one that it has given up
     */
    void end(boolean fenced);

    /** Tells the client that the volume has grown. */
    void geometryChanged(BlockGeometry geometry);
}
