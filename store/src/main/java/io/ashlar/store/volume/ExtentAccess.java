package io.ashlar.store.volume;

import io.ashlar.base.annotation.ThreadSafe;
import io.ashlar.base.status.Status;
import io.ashlar.base.sys.Errno;
import io.ashlar.store.extent.Extent;
import io.ashlar.store.extent.IoContext;
import io.ashlar.store.file.StoreException;
import io.ashlar.store.volume.StoreOp.Outcome;

/** The first step of every path: finds the operation's extent and the map of its region. */
@ThreadSafe
final class ExtentAccess {
    private final VolumeParts parts;

    ExtentAccess(VolumeParts parts) {
        this.parts = parts;
    }

    /**
     * Sets the operation's extent and map. Both stay null, and the outcome is READY, if the extent doesn't exist and is
     * not to be created.
     */
    Outcome prepare(StoreOp op, IoContext context, boolean create) {
        int index = parts.shape().extentOf(op.offsetBytes);
        Extent extent = parts.extents().get(index);
        if (extent == null || (create && parts.extents().isNone(extent))) {
            if (!context.mayBlock()) {
                return Outcome.BLOCKS;
            }
            try {
                extent = create
                        ? parts.extents().openOrCreate(index)
                        : parts.extents().open(index);
            } catch (StoreException e) {
                return op.done(e.errno() == 0 ? Status.CORRUPT : Errno.toStatus(-e.errno()));
            }
        }
        if (parts.extents().isNone(extent)) {
            return Outcome.READY;
        }
        int region = parts.shape().regionInExtent(op.offsetBytes);
        int result = extent.loadMap(region, context);
        if (result < 0) {
            return result == -Errno.EAGAIN && !context.mayBlock() ? Outcome.BLOCKS : op.done(Errno.toStatus(result));
        }
        op.extent = extent;
        op.map = extent.map(region);
        return Outcome.READY;
    }
}
