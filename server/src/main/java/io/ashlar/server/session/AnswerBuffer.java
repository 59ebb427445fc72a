package io.ashlar.server.session;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.protocol.codec.FrameWriter;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import java.util.ArrayList;

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
    private final MemoryShare.Claim memory;
    /** Chunks that were replaced and that the socket or a waiting read still refers to. */
    private final ArrayList<ByteBuf> retired = new ArrayList<>(4);

    private final int[] index = new int[REGIONS_MAX];
    private final int[] length = new int[REGIONS_MAX];
    private final RequestSlot[] waiting = new RequestSlot[REGIONS_MAX];
    private ByteBuf chunk;
    private int end;
    private int count;
    private long emittedCount;
    private int takenBytes;

    AnswerBuffer(ByteBufAllocator allocator, FrameWriter writer, PinPool pins, MemoryShare.Claim memory) {
        this.allocator = allocator;
        this.writer = writer;
        this.pins = pins;
        this.memory = memory;
    }

    /** Returns whether there is memory for an answer of this length; without it {@link #reserve} must not be called. */
    boolean mayReserve(int bytes) {
        if (chunk == null ? bytes <= CHUNK_BYTES : hasRoom(bytes)) {
            return true;
        }
        releaseRetired();
        int needed = Math.max(bytes, CHUNK_BYTES);
        if (needed > takenBytes && memory.take(needed - takenBytes)) {
            takenBytes = needed;
        }
        return needed <= takenBytes;
    }

    private boolean hasRoom(int bytes) {
        int from = count == 0 && chunk.refCnt() == 1 ? 0 : end;
        return from + bytes <= chunk.capacity() && count < REGIONS_MAX;
    }

    private ByteBuf newChunk(int bytes) {
        int size = Math.max(bytes, CHUNK_BYTES);
        if (takenBytes < size) {
            memory.charge(size - takenBytes);
            takenBytes = size;
        }
        takenBytes -= size;
        return allocator.directBuffer(size, size);
    }

    private void letGo(ByteBuf used) {
        int capacity = used.capacity();
        if (used.release()) {
            memory.giveBack(capacity);
        }
    }

    private void releaseRetired() {
        for (int i = retired.size() - 1; i >= 0; i--) {
            if (retired.get(i).refCnt() == 1) {
                letGo(retired.remove(i));
            }
        }
    }

    /** Gives memory back that is not needed at once. */
    void trim() {
        releaseRetired();
        memory.giveBack(takenBytes);
        takenBytes = 0;
        if (chunk != null && count == 0 && chunk.refCnt() == 1 && chunk.capacity() > CHUNK_BYTES) {
            letGo(chunk);
            chunk = null;
        }
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
            chunk = newChunk(bytes);
            end = 0;
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
        releaseRetired();
        if (chunk.refCnt() > 1) {
            retired.add(chunk);
            chunk = newChunk(bytes);
        } else if (chunk.capacity() < bytes || chunk.capacity() > Math.max(bytes, CHUNK_BYTES)) {
            letGo(chunk);
            chunk = newChunk(bytes);
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
        retired.forEach(this::letGo);
        retired.clear();
        trim();
        if (chunk != null) {
            letGo(chunk);
            chunk = null;
        }
    }
}
