package io.ashlar.server.config;

import io.ashlar.protocol.frame.Limits;

/**
 * What one node lets its clients have. What all of them together can take of its memory is in {@link MemoryBudget}.
 *
 * @param connectionsMax connections at a time; one more is refused
 * @param inFlightMax unanswered requests of one connection, at least one and a CLOSE or REPORT_CORRUPT; granted in HELLO, a
 *     client that goes beyond it is disconnected
 * @param pooledBytesMax bytes of data of one connection's requests that wait for the disk; beyond it the connection is
 *     not read from
 * @param outboundBytesMax bytes of answers that one connection's client has not taken; beyond it the connection is not
 *     read from
 * @param handlesMax volumes open at a time on one connection
 * @param helloTimeoutMs how long a new connection may take to say HELLO
 * @param slowPeerTimeoutMs how long a client may take no byte of its answers, or leave a frame unfinished, before it is dropped
 * @param openTimeoutMs how long OPEN waits for requests of an older use of the volume before it is answered BUSY
 */
public record ServerLimits(
        int connectionsMax,
        int inFlightMax,
        int pooledBytesMax,
        int outboundBytesMax,
        int handlesMax,
        int helloTimeoutMs,
        int slowPeerTimeoutMs,
        int openTimeoutMs) {
    /** Shorter than a bridge waits for an attachment, so that it learns why. */
    private static final int OPEN_TIMEOUT_MS_DEFAULT = 5_000;

    /** 256 hosts' loops; 256 requests are four bursts of depth 64; 8 MiB are eight of the largest requests. */
    public static final ServerLimits DEFAULT = new ServerLimits(256, 256, 8 << 20, 1 << 20, 256, 10_000, 30_000);

    /** Checks the components. */
    public ServerLimits {
        check("connections-max", connectionsMax, 1, 16384);
        check("in-flight-max", inFlightMax, 2, Limits.IN_FLIGHT_MAX);
        check("pooled-bytes-max", pooledBytesMax, Limits.FRAME_BYTES_MAX, 1 << 30);
        check("outbound-bytes-max", outboundBytesMax, 64 << 10, 1 << 30);
        check("handles-max", handlesMax, 1, 65536);
        check("hello-timeout-ms", helloTimeoutMs, 1, 3_600_000);
        check("slow-peer-timeout-ms", slowPeerTimeoutMs, 1, 3_600_000);
        check("open-timeout-ms", openTimeoutMs, 1, 3_600_000);
    }

    /** Creates limits with the usual time for OPEN. */
    public ServerLimits(
            int connectionsMax,
            int inFlightMax,
            int pooledBytesMax,
            int outboundBytesMax,
            int handlesMax,
            int helloTimeoutMs,
            int slowPeerTimeoutMs) {
        this(
                connectionsMax,
                inFlightMax,
                pooledBytesMax,
                outboundBytesMax,
                handlesMax,
                helloTimeoutMs,
                slowPeerTimeoutMs,
                OPEN_TIMEOUT_MS_DEFAULT);
    }

    /** Returns these limits with another time for OPEN. */
    public ServerLimits withOpenTimeoutMs(int newOpenTimeoutMs) {
        return new ServerLimits(
                connectionsMax,
                inFlightMax,
                pooledBytesMax,
                outboundBytesMax,
                handlesMax,
                helloTimeoutMs,
                slowPeerTimeoutMs,
                newOpenTimeoutMs);
    }

    private static void check(String key, int value, int min, int max) {
        if (value < min || value > max) {
            throw new IllegalArgumentException(
                    "server." + key + " = " + value + " is not between " + min + " and " + max);
        }
    }
}
