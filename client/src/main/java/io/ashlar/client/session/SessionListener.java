package io.ashlar.client.session;

import io.ashlar.protocol.frame.FrameHeader;
import io.ashlar.protocol.message.Event;
import io.ashlar.protocol.message.HelloAnswer;
import io.ashlar.protocol.message.Open;
import io.ashlar.protocol.message.OpenAnswer;
import io.netty.buffer.ByteBuf;

/** What a {@link Session} needs from, and tells, whoever uses it. All methods are called on the session's loop. */
public interface SessionListener {
    /** Takes note of the node's greeting; returns false when there is no point in opening (the session has been ended). */
    boolean onHello(HelloAnswer hello);

    /** Returns what to open. */
    Open openMessage();

    /** Looks at what the node has opened; returns false when nothing may be sent to it: the session is ended. */
    boolean accepts(OpenAnswer opened);

    /** Says that requests may be sent: through {@link Session#writer()}, with {@link Session#handle()}. */
    void onReady(OpenAnswer opened);

    /** Says that a connection that was ready is gone, and that nothing written to it is referred to any more. */
    void onLost();

    /** Says that the session is over and has no connection any more: the last call. */
    void onOver();

    /**
     * Says that an attempt failed.
     *
     * @return whether to go on trying; false ends the session
     */
    boolean onRefused(Refusal refusal);

    /** Takes an answer, as {@code FrameHandler.onFrame} does; returns false to break the connection off. */
    boolean onAnswer(FrameHeader header, ByteBuf memory, int payloadIndex, int payloadBytes);

    /** Says that all answers that have arrived were handed over. */
    void onBatchEnd();

    /** Takes an event of the node. */
    void onEvent(Event event);
}
