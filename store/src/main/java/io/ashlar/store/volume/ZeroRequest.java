package io.ashlar.store.volume;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.block.BlockGeometry;
import io.ashlar.base.block.BlockRequest;
import io.ashlar.base.block.Operation;
import io.ashlar.base.status.Status;
import io.ashlar.store.format.ExtentShape;
import io.ashlar.store.volume.StoreOp.Kind;

/**
 * A discard or write-zeroes on its way, cut at regions, so that the parts can share intents and syncs. A discard leaves
 * partial blocks at its edges alone; a write-zeroes overwrites them.
 */
@ConfinedTo(LoopKind.DATA)
final class ZeroRequest {
    /** Parts in flight at a time: enough for a sync to serve many, few enough to leave marks to others. */
    private static final int PARTS_IN_FLIGHT_MAX = 32;

    private final StoredQueue queue;
    private final BlockRequest request;
    private final ExtentShape shape;
    private final long end;
    private long next;
    private int inFlight;
    private boolean cutting;
    private Status status = Status.OK;

    ZeroRequest(StoredQueue queue, BlockRequest request, ExtentShape shape) {
        this.queue = queue;
        this.request = request;
        this.shape = shape;
        boolean wholeBlocksOnly = request.operation() == Operation.DISCARD;
        next = wholeBlocksOnly ? BlockGeometry.blockCeiling(request.offsetBytes()) : request.offsetBytes();
        end = wholeBlocksOnly ? BlockGeometry.blockFloor(request.endBytes()) : request.endBytes();
    }

    /** Starts as many parts as may run; completes the request when none is left. */
    void proceed() {
        if (cutting) {
            return; // a part ended inside its start: the loop below goes on
        }
        cutting = true;
        while (next < end && inFlight < PARTS_IN_FLIGHT_MAX) {
            startPart();
        }
        cutting = false;
        if (inFlight == 0 && next >= end) {
            request.complete(status);
        }
    }

    private void startPart() {
        long start = next;
        long regionEnd = (start | (shape.regionBytes() - 1)) + 1;
        long wholeEnd = BlockGeometry.blockFloor(Math.min(end, regionEnd));
        boolean mayUnmap = request.operation() == Operation.DISCARD || request.has(BlockRequest.UNMAP);
        Kind kind = Kind.WRITE_ZEROES;
        if (start != BlockGeometry.blockFloor(start) || wholeEnd <= start) {
            next = Math.min(end, BlockGeometry.blockFloor(start) + BlockGeometry.BLOCK_BYTES); // a partial block
        } else {
            next = wholeEnd;
            kind = mayUnmap ? Kind.UNMAP : Kind.WRITE_ZEROES;
        }
        inFlight++;
        queue.startPart(this, kind, start, (int) (next - start), request.has(BlockRequest.FUA));
    }

    /** Counts a part off. */
    void partEnded(Status partStatus) {
        inFlight--;
        if (status.isOk()) {
            status = partStatus;
        }
        proceed();
    }
}
