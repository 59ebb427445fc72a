package io.ashlar.protocol.frame;

/** Which way a connection's frames travel. */
public enum Direction {
    /** Requests, read by a node. */
    TO_NODE,
    /** Answers and events, read by a client. */
    TO_CLIENT
}
