package io.ashlar.client.volume;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.block.BlockRequest;
import io.ashlar.base.block.RequestList;

/**
 * Requests that found no free slot, in order, sorted by age in steps: a turn of the wheel every eighth of the I/O timeout
 * says which have waited too long, without a time stamp in each.
 */
@ConfinedTo(LoopKind.DATA)
final class WaitingRequests {
    /** Steps of the I/O timeout; a request is failed at most one step late. */
    static final int STEPS = 8;

    private final RequestList[] byAge = new RequestList[STEPS + 1];
    private RequestList expired = new RequestList();
    private int newest;
    private int count;
    private int polledAge;

    WaitingRequests() {
        for (int i = 0; i < byAge.length; i++) {
            byAge[i] = new RequestList();
        }
    }

    boolean isEmpty() {
        return count == 0;
    }

    void add(BlockRequest request) {
        byAge[newest].add(request);
        count++;
    }

    /** Removes and returns the oldest request, or null. */
    BlockRequest poll() {
        for (int i = 1; i <= byAge.length && count > 0; i++) {
            BlockRequest request = byAge[(newest + i) % byAge.length].poll();
            if (request != null) {
                count--;
                polledAge = byAge.length - i;
                return request;
            }
        }
        return null;
    }

    /** Returns for how many steps the request polled last has waited. */
    int polledAge() {
        return polledAge;
    }

    /** Ends a step; then {@link #pollExpired} returns what has waited for all of them. */
    void turn() {
        newest = (newest + 1) % byAge.length;
        RequestList oldest = byAge[newest];
        byAge[newest] = expired;
        expired = oldest;
    }

    /** Removes and returns a request that was there {@link #STEPS} turns ago, or null; to be emptied after each turn. */
    BlockRequest pollExpired() {
        BlockRequest request = expired.poll();
        if (request != null) {
            count--;
        }
        return request;
    }
}
