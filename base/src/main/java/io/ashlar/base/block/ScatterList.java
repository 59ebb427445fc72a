package io.ashlar.base.block;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.checksum.Crc32c;
import io.netty.buffer.ByteBuf;
import java.util.Arrays;

/**
 * The memory of a request: an ordered list of segments, each a piece of a larger direct buffer (a bounce window, a
 * receive buffer). Allocated once per request slot and refilled; a segment's view is made once per slot and memory.
 *
 * <p>A segment's memory is <em>borrowed</em>: it stands still from submission until the completion of the request. The
 * memory buffer must belong to the calling thread alone (its cached NIO view is used), so each loop wraps foreign
 * memory itself.
 */
@ConfinedTo(LoopKind.DATA)
public final class ScatterList {
    private final ByteBuf[] memory;
    private final ByteBuf[] views;
    private final int[] offsets;
    private final int[] lengths;
    private int count;
    private int lengthBytes;

    /** Creates an empty list with room for this many segments. */
    public ScatterList(int segmentsMax) {
        memory = new ByteBuf[segmentsMax];
        views = new ByteBuf[segmentsMax];
        offsets = new int[segmentsMax];
        lengths = new int[segmentsMax];
    }

    /** Forgets all segments, keeps their views for the next use. */
    public void clear() {
        count = 0;
        lengthBytes = 0;
    }

    /** Forgets all segments and drops every reference to foreign memory. */
    public void release() {
        clear();
        Arrays.fill(memory, null);
        Arrays.fill(views, null);
    }

    /**
     * Appends {@code length} bytes of the buffer at the absolute index {@code offset}. Borrows the buffer. Adjacent
     * pieces are not joined: the caller knows its memory best.
     */
    @SuppressWarnings("ReferenceEquality") // the same memory is meant; ByteBuf.equals would compare contents
    public void add(ByteBuf buffer, int offset, int length) {
        if (length <= 0 || offset < 0 || offset > buffer.capacity() - length) {
            throw new IndexOutOfBoundsException(offset + "+" + length + " of " + buffer.capacity());
        }
        if (memory[count] != buffer) {
            memory[count] = buffer;
            views[count] = null;
        }
        offsets[count] = offset;
        lengths[count] = length;
        count++;
        lengthBytes += length;
    }

    /** Appends {@code length} bytes of another list from {@code position}, segment by segment. Borrows their memory. */
    public void addPartOf(ScatterList source, int position, int length) {
        int done = 0;
        int i = source.segmentAt(position);
        int within = position - source.startOf(i);
        while (done < length) {
            int piece = Math.min(length - done, source.lengths[i] - within);
            add(source.memory[i], source.offsets[i] + within, piece);
            done += piece;
            within = 0;
            i++;
        }
    }

    /** Returns whether no further segment fits. */
    public boolean isFull() {
        return count == memory.length;
    }

    /** Returns the number of segments. */
    public int count() {
        return count;
    }

    /** Returns the sum of the segments' lengths. */
    public int lengthBytes() {
        return lengthBytes;
    }

    /** Returns the buffer that holds segment {@code i}; use with {@link #offset(int)}, absolute access only. */
    public ByteBuf memory(int i) {
        return memory[i];
    }

    /** Returns where segment {@code i} starts in its buffer. */
    public int offset(int i) {
        return offsets[i];
    }

    /** Returns the length of segment {@code i}, in bytes. */
    public int length(int i) {
        return lengths[i];
    }

    /**
     * Returns a retained view of a part of segment {@code i}, for a transport that sends it where it lies and releases
     * it afterwards. The view object is reused: the segment may have only one such view under way.
     */
    public ByteBuf retainedView(int i, int from, int length) {
        ByteBuf view = views[i];
        if (view == null) {
            view = memory[i].duplicate();
            views[i] = view;
        }
        int start = offsets[i] + from;
        view.setIndex(0, 0).setIndex(start, start + length);
        return view.retain();
    }

    /** Copies {@code length} bytes of {@code source} from an absolute index into this list at {@code position}. */
    public void copyIn(int position, ByteBuf source, int sourceIndex, int length) {
        int done = 0;
        int i = segmentAt(position);
        int within = position - startOf(i);
        while (done < length) {
            int piece = Math.min(length - done, lengths[i] - within);
            memory[i].setBytes(offsets[i] + within, source, sourceIndex + done, piece);
            done += piece;
            within = 0;
            i++;
        }
    }

    /** Copies {@code length} bytes of this list from {@code position} into {@code target} at an absolute index. */
    public void copyOut(int position, ByteBuf target, int targetIndex, int length) {
        int done = 0;
        int i = segmentAt(position);
        int within = position - startOf(i);
        while (done < length) {
            int piece = Math.min(length - done, lengths[i] - within);
            target.setBytes(targetIndex + done, memory[i], offsets[i] + within, piece);
            done += piece;
            within = 0;
            i++;
        }
    }

    /** Sets {@code length} bytes from {@code position} to zero. */
    public void zero(int position, int length) {
        int done = 0;
        int i = segmentAt(position);
        int within = position - startOf(i);
        while (done < length) {
            int piece = Math.min(length - done, lengths[i] - within);
            memory[i].setZero(offsets[i] + within, piece);
            done += piece;
            within = 0;
            i++;
        }
    }

    /** Returns the CRC32C of {@code length} bytes from {@code position}. */
    public int checksum(Crc32c crc, int position, int length) {
        crc.reset();
        int done = 0;
        int i = segmentAt(position);
        int within = position - startOf(i);
        while (done < length) {
            int piece = Math.min(length - done, lengths[i] - within);
            crc.update(memory[i], offsets[i] + within, piece);
            done += piece;
            within = 0;
            i++;
        }
        return crc.value();
    }

    /** Returns the segment that holds the byte at {@code position}. */
    public int segmentAt(int position) {
        if (position < 0 || position >= lengthBytes) {
            throw new IndexOutOfBoundsException(position + " of " + lengthBytes);
        }
        int end = 0;
        for (int i = 0; i < count; i++) {
            end += lengths[i];
            if (position < end) {
                return i;
            }
        }
        throw new AssertionError("lengths don't add up");
    }

    /** Returns the position of the first byte of segment {@code i}. */
    public int startOf(int i) {
        int start = 0;
        for (int k = 0; k < i; k++) {
            start += lengths[k];
        }
        return start;
    }
}
