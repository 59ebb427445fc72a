package io.ashlar.client.volume;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.block.BlockRequest;
import io.ashlar.base.block.RequestList;

/** Requests that found no free slot, in order. */
@ConfinedTo(LoopKind.DATA)
final class WaitingRequests {
    private final RequestList expired = new RequestList();
    private RequestList inOrder = new RequestList();
    private RequestList spare = new RequestList();

    boolean isEmpty() {
        return inOrder.isEmpty();
    }

    void add(BlockRequest request) {
        inOrder.add(request);
    }

    /** Removes and returns the first request, or null. */
    BlockRequest poll() {
        return inOrder.poll();
    }

    /**
     * Sets aside what was submitted before the time: parts of an old request may wait behind younger ones, so all are
     * looked at. {@link #pollExpired} returns them, so that whoever gets one back may submit another.
     *
     * @param nowNs returned where nothing is left
     * @return when the oldest of the others was submitted
     */
    long expire(long beforeNs, long nowNs) {
        RequestList kept = spare;
        long oldestNs = nowNs;
        for (BlockRequest request = inOrder.poll(); request != null; request = inOrder.poll()) {
            boolean late = request.submittedNs() - beforeNs < 0;
            (late ? expired : kept).add(request);
            oldestNs = late || request.submittedNs() - oldestNs > 0 ? oldestNs : request.submittedNs();
        }
        spare = inOrder;
        inOrder = kept;
        return oldestNs;
    }

    /** Removes and returns a request that was set aside, or null. */
    BlockRequest pollExpired() {
        return expired.poll();
    }
}
