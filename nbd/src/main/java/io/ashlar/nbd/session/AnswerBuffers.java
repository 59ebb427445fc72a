package io.ashlar.nbd.session;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;

/**
 * Where answers are put together, side by side, so that neighbours which are ready together are one part for the socket.
 * A read's place is reserved before the device fills it; whoever reserves holds a reference until {@link #commit} or
 * {@link #abandon}. Answers go out in the order of their commits.
 *
 * <pre>
 *   chunk  | answer | answer | read, waiting | answer |   room   |
 *           \----- one run ----/              \-run-/
 * </pre>
 *
 * A chunk is used from its start again once nothing refers to it; that is the steady state, and nothing is allocated in
 * it. When all are in use, reads have to wait, since the client takes its answers too slowly.
 */
@ConfinedTo(LoopKind.DATA)
final class AnswerBuffers {
    private final ByteBufAllocator allocator;
    private final Channel channel;
    private final ByteBuf[] chunks = new ByteBuf[NbdLimits.BUFFERS_MAX];
    private int count;
    private ByteBuf chunk;
    private int end;
    private ByteBuf placed;
    private ByteBuf run;
    private int runFrom;
    private int runTo;
    private boolean unflushed;

    AnswerBuffers(Channel channel) {
        this.channel = channel;
        allocator = channel.alloc();
    }

    /** Returns whether there is a place of this length, at most a chunk's; without it {@link #reserve} must not follow. */
    boolean mayReserve(int bytes) {
        if (findRoom(bytes)) {
            return true;
        }
        flush(); // what the socket takes at once is free again
        return findRoom(bytes);
    }

    private boolean findRoom(int bytes) {
        if (chunk != null && chunk.refCnt() == 1) {
            end = 0;
        }
        if (chunk != null && end + bytes <= NbdLimits.BUFFER_BYTES) {
            return true;
        }
        for (int i = 0; i < count; i++) {
            if (chunks[i].refCnt() == 1) {
                chunk = chunks[i];
                end = 0;
                return true;
            }
        }
        if (count == chunks.length) {
            return false;
        }
        chunk = allocator.directBuffer(NbdLimits.BUFFER_BYTES, NbdLimits.BUFFER_BYTES);
        chunk.writerIndex(NbdLimits.BUFFER_BYTES);
        chunks[count++] = chunk;
        end = 0;
        return true;
    }

    /** Takes a place and a reference to {@link #place} for the caller; returns where it starts. */
    int reserve(int bytes) {
        placed = chunk.retain();
        int start = end;
        end += bytes;
        return start;
    }

    /** As {@link #reserve}, for an answer that must not wait: if need be in memory of its own. */
    int reserveAnyhow(int bytes) {
        if (mayReserve(bytes)) {
            return reserve(bytes);
        }
        placed = allocator.directBuffer(bytes, bytes).writerIndex(bytes);
        return 0;
    }

    /** As {@link #reserve}, in memory of its own; returns false when there is none. */
    boolean reserveLarge(int bytes) {
        placed = memory(bytes);
        return placed != null;
    }

    /** Returns memory that is not for answers, or null when there is none. */
    ByteBuf memory(int bytes) {
        try {
            return allocator.directBuffer(bytes, bytes).writerIndex(bytes);
        } catch (OutOfMemoryError e) { // Netty's own bound of direct memory, not the JVM's
            return null;
        }
    }

    /** Returns the buffer of the latest reservation. */
    ByteBuf place() {
        return placed;
    }

    /** Hands an answer over to be sent; takes the reservation's reference. */
    @SuppressWarnings("ReferenceEquality") // the same memory is meant, not the same contents
    void commit(ByteBuf buffer, int from, int to) {
        if (run == buffer && runTo == from) {
            runTo = to;
            buffer.release();
            return;
        }
        emit();
        run = buffer;
        runFrom = from;
        runTo = to;
    }

    /** Gives a reservation up. */
    static void abandon(ByteBuf buffer) {
        buffer.release();
    }

    private void emit() {
        if (run != null) {
            ByteBuf part = run.retainedSlice(runFrom, runTo - runFrom);
            run.release();
            run = null;
            unflushed = true;
            ChannelFuture unused = channel.write(part, channel.voidPromise());
        }
    }

    /** Sends what has been committed, as far as the client takes it; the rest follows by itself. */
    void flush() {
        emit();
        if (unflushed) {
            unflushed = false;
            channel.flush();
        }
    }

    /** Runs something when all that has been committed so far has left or is lost, possibly at once. */
    void whenSent(Runnable action) {
        flush();
        ChannelFuture unused = channel.writeAndFlush(Unpooled.EMPTY_BUFFER).addListener(sent -> action.run());
    }

    /** Gives the memory back; what is reserved follows with its requests, what is committed and unsent is dropped. */
    void release() {
        if (run != null) {
            run.release();
            run = null;
        }
        for (int i = 0; i < count; i++) {
            chunks[i].release();
        }
        count = 0;
        chunk = null;
    }
}
