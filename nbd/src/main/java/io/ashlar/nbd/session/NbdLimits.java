package io.ashlar.nbd.session;

import io.ashlar.nbd.handshake.Handshake;
import io.ashlar.nbd.wire.Wire;

/**
 * What bounds a server.
 *
 * @param connectionsMax connections at a time, 1 to {@link #CONNECTIONS_MAX}; more are turned away
 * @param requestsMax requests in flight of one connection, 1 to {@link #REQUESTS_MAX}; it is not read from beyond
 * @param handshakeTimeoutMs how long a client may take from connecting to the end of the handshake
 * @param stopTimeoutMs how long requests in flight are waited for when the server stops
 */
public record NbdLimits(int connectionsMax, int requestsMax, int handshakeTimeoutMs, int stopTimeoutMs) {
    /** Most connections that may be configured. */
    public static final int CONNECTIONS_MAX = 1024;
    /** Most requests in flight that may be configured: more than a queue of a remote volume takes at a time. */
    public static final int REQUESTS_MAX = 1024;
    /** What real clients need: they open one to eight connections each. */
    public static final NbdLimits DEFAULT = new NbdLimits(16, 256, 10_000, 5_000);

    /**
     * What a request carries in one piece; longer ones are worked off in pieces of this size, so that a connection's
     * memory doesn't depend on the longest request.
     */
    static final int PIECE_BYTES = 256 << 10;
    /** One receive buffer or answer chunk; holds a piece, or 95 requests of 4 KiB. */
    static final int BUFFER_BYTES = 384 << 10;
    /** Receive buffers, and as many answer chunks, of one connection: 16 requests of 128 KiB and some room. */
    static final int BUFFERS_MAX = 12;
    /** The longest read, its header, and the blocks at its ends. */
    private static final int LARGE_READ_BYTES = Wire.PAYLOAD_BYTES_MAX + 3 * 4096;

    static {
        require(PIECE_BYTES + 2 * 4096 + Wire.REQUEST_HEADER_BYTES <= BUFFER_BYTES, "a piece fits, rounded to blocks");
        require(
                Wire.OPTION_HEADER_BYTES + Handshake.OPTION_BYTES_MAX <= BUFFER_BYTES,
                "an option fits a receive buffer");
        require(PIECE_BYTES >= 64 << 10, "reads of 64 KiB with DF must be answered");
    }

    /** Checks the components. */
    public NbdLimits {
        if (connectionsMax < 1 || connectionsMax > CONNECTIONS_MAX) {
            throw new IllegalArgumentException("connections must be between 1 and " + CONNECTIONS_MAX);
        }
        if (requestsMax < 1 || requestsMax > REQUESTS_MAX) {
            throw new IllegalArgumentException("requests in flight must be between 1 and " + REQUESTS_MAX);
        }
        if (handshakeTimeoutMs < 1 || stopTimeoutMs < 0) {
            throw new IllegalArgumentException("timeouts must not be negative");
        }
    }

    /**
     * Returns how many reads at a time may be answered from memory of their own: what three quarters of the direct memory
     * hold beside the buffers of all connections. The last quarter is for the device, and for what the allocator can't use.
     *
     * @param directBytes what the JVM gives out, {@code -XX:MaxDirectMemorySize}
     * @throws IllegalArgumentException in one line when it is too little for so many connections
     */
    public int largeReadsMax(long directBytes) {
        long buffers = 2L * connectionsMax * BUFFERS_MAX * BUFFER_BYTES;
        long reads = (directBytes / 4 * 3 - buffers) / LARGE_READ_BYTES;
        if (reads < 1) {
            long neededMib = (((buffers + LARGE_READ_BYTES) / 3 * 4) >> 20) + 1;
            throw new IllegalArgumentException(connectionsMax + " connections need " + neededMib
                    + " MiB of direct memory, and the JVM gives out " + (directBytes >> 20)
                    + " MiB: take fewer, or raise -XX:MaxDirectMemorySize in ASHLAR_JAVA_OPTS");
        }
        return (int) Math.min(reads, connectionsMax);
    }

    /** Returns these limits with another number of connections. */
    public NbdLimits withConnectionsMax(int newConnectionsMax) {
        return new NbdLimits(newConnectionsMax, requestsMax, handshakeTimeoutMs, stopTimeoutMs);
    }

    /** Returns these limits with another time for the handshake. */
    public NbdLimits withHandshakeTimeoutMs(int newHandshakeTimeoutMs) {
        return new NbdLimits(connectionsMax, requestsMax, newHandshakeTimeoutMs, stopTimeoutMs);
    }

    /** Returns these limits with another number of requests in flight. */
    public NbdLimits withRequestsMax(int newRequestsMax) {
        return new NbdLimits(connectionsMax, newRequestsMax, handshakeTimeoutMs, stopTimeoutMs);
    }

    private static void require(boolean holds, String relation) {
        if (!holds) {
            throw new ExceptionInInitializerError(relation);
        }
    }
}
