package io.ashlar.client.session;

import java.net.InetSocketAddress;

/**
 * How sessions reach a node and when they give a connection up.
 *
 * @param node the node's address, resolved
 * @param hostId who connects; empty for a tool
 * @param connectTimeoutMs for the TCP connection, and again for HELLO's answer
 * @param pingIntervalMs a PING is sent after this time without a frame
 * @param pingTimeoutMs the connection is given up after this time without a frame
 * @param backoffMsMin the first pause between attempts; doubles
 * @param backoffMsMax the longest pause between attempts
 */
public record SessionConfig(
        InetSocketAddress node,
        String hostId,
        int connectTimeoutMs,
        int pingIntervalMs,
        int pingTimeoutMs,
        int backoffMsMin,
        int backoffMsMax) {
    /** Checks the components. */
    public SessionConfig {
        if (node.isUnresolved()) {
            throw new IllegalArgumentException("unknown host " + node.getHostString());
        }
        if (connectTimeoutMs <= 0 || pingIntervalMs <= 0 || pingTimeoutMs < pingIntervalMs) {
            throw new IllegalArgumentException("timeouts must be positive, and a ping's at least its interval");
        }
        if (backoffMsMin <= 0 || backoffMsMax < backoffMsMin) {
            throw new IllegalArgumentException("pauses must be positive and in order");
        }
    }

    /**
     * Returns the settings that a node on the same network wants: a silent node is given up after 15 seconds, since a
     * slow one is not a dead one; one that is back is found within a quarter of a second.
     */
    public static SessionConfig of(InetSocketAddress node, String hostId) {
        return new SessionConfig(node, hostId, 10_000, 5_000, 15_000, 20, 250);
    }

    /** Returns the node as people write it. */
    public String nodeText() {
        return node.getHostString() + ":" + node.getPort();
    }
}
