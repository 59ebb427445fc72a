package io.ashlar.server.registry;

import io.ashlar.base.block.BlockGeometry;

/**
 * One connection's use of a volume, as the registry sees it. The methods may be called by any thread and only post to
 * the connection's loop.
 */
public interface VolumeUse {
    /**
     * Ends the use: requests not yet executed are refused or dropped, new ones answered FENCED, and when none is under
     * way any more {@link UseTicket#drained} is called, once.
     */
    void end();

    /** Tells the client that the volume has grown. */
    void geometryChanged(BlockGeometry geometry);
}
