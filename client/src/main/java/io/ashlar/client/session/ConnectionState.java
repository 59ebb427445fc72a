package io.ashlar.client.session;

import java.util.EnumSet;
import java.util.Set;

/**
 * Where a {@link Session} stands. Only {@code Session.moveTo} changes it.
 *
 * <pre>
 *   WAITING --> CONNECTING --> HELLO --> OPENING --> READY
 *      ^            |            |          |          |
 *      +------------+------------+----------+----------+      lost, refused for now: again after a pause
 *      any --> CLOSED                                         ended by its owner, or refused for good
 * </pre>
 */
public enum ConnectionState {
    /** No connection; the next attempt comes after a pause. */
    WAITING,
    /** The TCP connection is being made. */
    CONNECTING,
    /** HELLO is sent. */
    HELLO,
    /** OPEN is sent; the node answers when the older incarnation's requests have ended. */
    OPENING,
    /** Requests flow. */
    READY,
    /** Over. */
    CLOSED;

    /** Returns whether the state may follow this one. */
    public boolean mayBecome(ConnectionState next) {
        return successors().contains(next);
    }

    private Set<ConnectionState> successors() {
        return switch (this) {
            case WAITING -> EnumSet.of(CONNECTING, CLOSED);
            case CONNECTING -> EnumSet.of(HELLO, WAITING, CLOSED);
            case HELLO -> EnumSet.of(OPENING, WAITING, CLOSED);
            case OPENING -> EnumSet.of(READY, WAITING, CLOSED);
            case READY -> EnumSet.of(WAITING, CLOSED);
            case CLOSED -> EnumSet.noneOf(ConnectionState.class);
        };
    }
}
