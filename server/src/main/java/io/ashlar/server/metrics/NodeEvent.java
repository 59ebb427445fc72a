package io.ashlar.server.metrics;

/** What a data loop counts besides answers; each is one metric ({@code docs/operations.md}, "Metrics of the node"). */
public enum NodeEvent {
    CONNECTIONS_OPEN("connections", true, "Connections open now"),
    IN_FLIGHT("in_flight", true, "Requests received and not yet answered"),
    MEMORY_BYTES("connection_memory_bytes", true, "Memory of connections: what is received, what is answered"),
    HANDLES_OPEN("handles", true, "Volumes open on connections now"),
    CONNECTIONS_ACCEPTED("connections_accepted", false, "Connections accepted"),
    CONNECTIONS_REFUSED("connections_refused", false, "Connections closed at once because of the limit"),
    PROTOCOL_FAULTS("protocol_faults", false, "Connections closed because their peer broke the protocol"),
    SLOW_PEERS_DROPPED(
            "slow_peers_dropped",
            false,
            "Connections closed because their peer took no answers, or did not end a frame"),
    HAND_OFFS("hand_offs", false, "Requests that did not end on their loop at once: disk, pool, or an overlap"),
    RECEIVE_BUFFERS_KEPT("receive_buffers_kept", false, "Receive buffers replaced because waiting writes lay in them"),
    READ_PAUSES("read_pauses", false, "Times that a connection was not read from because of a limit"),
    MEMORY_WAITS(
            "memory_waits", false, "Times that a connection waited because the loop's share of memory was used up"),
    REQUESTS_DROPPED("requests_dropped", false, "Requests thrown away unexecuted because their connection ended"),
    CORRUPTION_REPORTS("corruption_reports", false, "Blocks that a reader found not to match their checksum");

    private final String metric;
    private final boolean level;
    private final String help;

    NodeEvent(String metric, boolean level, String help) {
        this.metric = metric;
        this.level = level;
        this.help = help;
    }

    /** Returns the metric's name without prefix and suffix. */
    String metric() {
        return metric;
    }

    /** Returns whether it also goes down. */
    boolean isLevel() {
        return level;
    }

    /** Returns one line for people. */
    String help() {
        return help;
    }
}
