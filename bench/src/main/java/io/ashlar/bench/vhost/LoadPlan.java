package io.ashlar.bench.vhost;

import io.ashlar.lab.guest.DriverRing;

/**
 * What load a guest's disk gets: 4 KiB requests at random places.
 *
 * @param type of the requests, as in their header
 * @param queues virtqueues
 * @param depth most requests in flight on each
 * @param requestsPerSecond at which they become due, over all queues, whatever happens to those before; 0 to offer one
 *     whenever one has been answered
 * @param sizeBytes of the part of the disk that is used
 * @param warmNs how long before anything is recorded
 * @param measuredNs how long then
 */
record LoadPlan(int type, int queues, int depth, long requestsPerSecond, long sizeBytes, long warmNs, long measuredNs) {
    /** Bytes of each request. */
    static final int REQUEST_BYTES = 4096;

    /** Checks the components. */
    LoadPlan {
        if (queues < 1 || depth < 1 || depth > DriverRing.SLOTS || requestsPerSecond < 0) {
            throw new IllegalArgumentException("queues, depth or rate can't be");
        }
        if (sizeBytes < REQUEST_BYTES || warmNs < 0 || measuredNs < 1) {
            throw new IllegalArgumentException("size or times can't be");
        }
    }

    /** Returns when a request is due, after the start. */
    long dueNs(long number) {
        return (long) (number * (1e9 / requestsPerSecond));
    }

    boolean isOpen() {
        return requestsPerSecond > 0;
    }

    int slots() {
        return queues * depth;
    }
}
