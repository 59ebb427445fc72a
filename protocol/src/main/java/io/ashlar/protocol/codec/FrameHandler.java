package io.ashlar.protocol.codec;

import io.ashlar.protocol.frame.FrameFault;
import io.ashlar.protocol.frame.FrameHeader;
import io.netty.buffer.ByteBuf;

/** What a {@link FrameDecoder} hands on. All methods are called on the connection's loop. */
public interface FrameHandler {
    /**
     * Takes a whole frame whose header has passed {@link io.ashlar.protocol.frame.FrameRules}. The payload is as the
     * peer sent it: checksums and messages are for the handler to check.
     *
     * <p>Header and memory are borrowed until the method returns. A handler that needs the payload longer either copies
     * it or retains {@code memory} and releases it later, from any thread; the decoder then reads on into another buffer
     * of the same size. So retaining pays for large payloads only: it pins the whole receive buffer.
     *
     * @param memory the receive buffer; absolute access only
     * @param payloadIndex where the payload starts in it
     * @param payloadBytes its length, checksums included
     * @return false to hear of no further frame, because the handler has closed the connection
     */
    boolean onFrame(FrameHeader header, ByteBuf memory, int payloadIndex, int payloadBytes);

    /** Says that what had arrived has been handed over: answers and requests gathered so far are flushed now. */
    void onBatchEnd();

    /**
     * Says that the peer broke the protocol. No frame follows; the handler answers as its side does and closes.
     *
     * @param requestId of the bad frame, 0 where its header can't be believed
     */
    void onFault(FrameFault fault, long requestId);

    /** Says that the peer reads too slowly ({@code false}), or has caught up; see Netty's write water marks. */
    default void onWritabilityChanged(boolean writable) {}

    /** Says that the connection has ended, however; nothing written to it is referred to any more. The last call. */
    void onClosed();
}
