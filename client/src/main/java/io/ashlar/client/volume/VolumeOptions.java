package io.ashlar.client.volume;

import io.ashlar.client.session.SessionConfig;
import io.ashlar.protocol.frame.Limits;

/**
 * How a volume is opened.
 *
 * @param session the node, and how to reach it
 * @param volume the volume's name
 * @param mode what is wanted
 * @param requestsMax requests in flight per queue, at most {@link #REQUESTS_MAX}; more wait
 * @param attachTimeoutMs how long opening may take
 * @param detachTimeoutMs how long telling the node of the end may take
 * @param ioTimeoutMs a request that takes longer is failed with TIMED_OUT; 0: it waits for ever
 */
public record VolumeOptions(
        SessionConfig session,
        String volume,
        AccessMode mode,
        int requestsMax,
        int attachTimeoutMs,
        int detachTimeoutMs,
        int ioTimeoutMs) {
    /** The protocol's limit, less what a connection needs for itself: PING and a few REPORT_CORRUPT. */
    public static final int REQUESTS_MAX = Limits.IN_FLIGHT_MAX - 8;

    /** Whoever detaches waits for it, also where the node is gone. */
    private static final int DETACH_TIMEOUT_MS = 3_000;

    /** Checks the components. */
    public VolumeOptions {
        if (requestsMax < 1 || requestsMax > REQUESTS_MAX) {
            throw new IllegalArgumentException("requests in flight must be between 1 and " + REQUESTS_MAX);
        }
        if (attachTimeoutMs <= 0 || detachTimeoutMs <= 0 || ioTimeoutMs < 0) {
            throw new IllegalArgumentException("timeouts must not be negative");
        }
    }

    /** Creates settings with the usual limit for telling the node of the end. */
    public VolumeOptions(
            SessionConfig session,
            String volume,
            AccessMode mode,
            int requestsMax,
            int attachTimeoutMs,
            int ioTimeoutMs) {
        this(session, volume, mode, requestsMax, attachTimeoutMs, DETACH_TIMEOUT_MS, ioTimeoutMs);
    }

    /** Returns the usual settings. */
    public static VolumeOptions of(SessionConfig session, String volume, AccessMode mode) {
        return new VolumeOptions(session, volume, mode, REQUESTS_MAX, 10_000, 0);
    }

    /** Returns these settings with another I/O timeout. */
    public VolumeOptions withIoTimeoutMs(int newIoTimeoutMs) {
        return new VolumeOptions(session, volume, mode, requestsMax, attachTimeoutMs, detachTimeoutMs, newIoTimeoutMs);
    }

    /** Returns these settings with another limit of requests in flight per queue. */
    public VolumeOptions withRequestsMax(int newRequestsMax) {
        return new VolumeOptions(session, volume, mode, newRequestsMax, attachTimeoutMs, detachTimeoutMs, ioTimeoutMs);
    }

    /** Returns these settings with another limit for telling the node of the end. */
    public VolumeOptions withDetachTimeoutMs(int newDetachTimeoutMs) {
        return new VolumeOptions(session, volume, mode, requestsMax, attachTimeoutMs, newDetachTimeoutMs, ioTimeoutMs);
    }
}
