package io.ashlar.server.session;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.protocol.codec.FrameWriter;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;

/**
 * Where answers are put together, side by side, so that a batch of them is one part for the socket. A read's place is
 * reserved before the store fills it; the answers that are complete at the end of the batch go out in runs, the others
 * when they are complete.
 *
 * <pre>
 *   chunk  | answer | answer | read, waiting | answer |   room   |
 *           \----- one part ----/              \-part-/
 * </pre>
 *
 * The chunk is used from its start again once the socket has taken everything and no read waits in it; that is the
 * steady state, and nothing is allocated in it.
 */
@ConfinedTo(LoopKind.DATA)
final class AnswerBuffer {
    /** Some sixty answers of 4 KiB; stays in the second-level cache. */
    static final int CHUNK_BYTES = 256 << 10;
    /** Most answers before a run is sent anyway. */
    private static final int REGIONS_MAX = 512;

    private final ByteBufAllocator allocator;
    private final FrameWriter writer;
    private final PinPool pins;
    private final int[] index = new int[REGIONS_MAX];
    private final int[] length = new int[REGIONS_MAX];
    private final RequestSlot[] waiting = new RequestSlot[REGIONS_MAX];
    private ByteBuf chunk;
    private int end;
    private int count;
    private long emittedCount;

    AnswerBuffer(ByteBufAllocator allocator, FrameWriter writer, PinPool pins) {
        this.allocator = allocator;
        this.writer = writer;
        this.pins = pins;
    }

    /** Returns the buffer that the index of the latest {@link #append} or {@link #reserve} means. */
    ByteBuf chunk() {
        return chunk;
    }

    /** Adds room for an answer that is written now; returns where it starts in {@link #chunk}. */
    int append(int bytes) {
        return add(bytes, null);
    }

    /** Adds room for an answer that may be complete later; {@link #commit} follows. Returns where it starts. */
    int reserve(RequestSlot slot, int bytes) {
        int start = add(bytes, slot);
        slot.reserved(chunk, start, emittedCount + count - 1);
        return start;
    }

    private int add(int bytes, RequestSlot slot) {
        if (chunk == null) {
            chunk = allocator.directBuffer(Math.max(bytes, CHUNK_BYTES));
        } else if (count == 0 && chunk.refCnt() == 1) {
            end = 0;
        }
        if (end + bytes > chunk.capacity() || count == REGIONS_MAX) {
            emit();
            writer.flush();
            replaceChunk(bytes);
        }
        index[count] = end;
        length[count] = bytes;
        waiting[count] = slot;
        count++;
        end += bytes;
        return index[count - 1];
    }

    private void replaceChunk(int bytes) {
        if (chunk.refCnt() > 1 || chunk.capacity() < bytes || chunk.capacity() > Math.max(bytes, CHUNK_BYTES)) {
            chunk.release();
            chunk = allocator.directBuffer(Math.max(bytes, CHUNK_BYTES));
        }
        end = 0;
    }

    /** Says that a reserved answer is complete, being this long, at most as long as reserved. */
    void commit(RequestSlot slot, int bytes) {
        int region = regionOf(slot);
        if (region >= 0) {
            length[region] = bytes;
            waiting[region] = null;
        } else {
            writer.write(slot.answerBuffer().retainedSlice(slot.answerIndex(), bytes));
        }
    }

    /** Gives up a reserved answer that nobody waits for any more. */
    void abandon(RequestSlot slot) {
        int region = regionOf(slot);
        if (region >= 0) {
            length[region] = 0;
            waiting[region] = null;
        }
    }

    private int regionOf(RequestSlot slot) {
        return (int) Math.max(-1, slot.answerSerial() - emittedCount);
    }

    /** Hands the complete answers to the writer; the memory of the others is kept for them. */
    void emit() {
        int i = 0;
        while (i < count) {
            if (waiting[i] != null) {
                waiting[i].pinAnswer(pins.pin(chunk));
                waiting[i] = null;
                i++;
                continue;
            }
            int from = index[i];
            int to = from + length[i];
            i++;
            while (i < count && waiting[i] == null && index[i] == to) {
                to += length[i];
                i++;
            }
            if (to > from) {
                writer.write(chunk.retainedSlice(from, to - from));
            }
        }
        emittedCount += count;
        count = 0;
    }

    /** Returns the bytes put together and not yet handed to the writer. */
    int unwrittenBytes() {
        return count == 0 ? 0 : end - index[0];
    }

    /** Gives the memory back, as soon as no read waits in it. What is complete and unsent is dropped. */
    void close() {
        for (int i = 0; i < count; i++) {
            if (waiting[i] != null) {
                waiting[i].pinAnswer(pins.pin(chunk));
                waiting[i] = null;
            }
        }
        emittedCount += count;
        count = 0;
        if (chunk != null) {
            chunk.release();
            chunk = null;
        }
    }
}
