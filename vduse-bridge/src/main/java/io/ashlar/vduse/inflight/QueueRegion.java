package io.ashlar.vduse.inflight;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import java.nio.ByteBuffer;
import java.util.function.IntUnaryOperator;
import java.util.stream.IntStream;

/**
 * Which chains of one split virtqueue are in flight, in memory that outlives the process. The layout is that of the vhost-user
 * specification ("Inflight I/O tracking", QueueRegionSplit), little-endian:
 *
 * <pre>
 *   0 u64 features = 0 | 8 u16 version = 1 | 10 u16 desc_num | 12 u16 last_batch_head | 14 u16 used_idx
 *   16 + 16·head: u8 inflight | u8 pad[5] | u16 next | u64 counter
 * </pre>
 *
 * <p>The process may be killed between any two stores. One order satisfies both the specification and a batch that is
 * published at once:
 *
 * <pre>
 *   fetched:  1 counter = next number            published:  5 used ring idx        (by the queue, not here)
 *             2 inflight = 1                                 6 inflight = 0, for each chain of the batch
 *   pushed:   3 next = last_batch_head                       7 used_idx = used ring idx
 *             4 last_batch_head = head
 * </pre>
 *
 * A kill before 2 leaves a chain that was never fetched: the driver still offers it, and 2 comes before anything is done for
 * it. A kill before 5 leaves all of the batch in flight, and the driver has seen none of it. A kill between 5 and 7 is told by
 * used_idx, which is behind the ring's: the elements of the used ring between the two are exactly the chains that were
 * answered, whether or not 6 has reached them. {@link #recover} goes by those; an owner of another make, behind the same
 * vhost-user front end, may go by the chain from last_batch_head instead (steps 3 and 4), which says the same.
 *
 * <p>Nothing here is trusted on recovery: the memory may be another process's. Allocates nothing but in {@link #recover}.
 */
@ConfinedTo(LoopKind.DATA)
public final class QueueRegion {
    /** The only version (vhost-user: "It's 1 currently. Zero value indicates an uninitialized buffer"). */
    public static final int VERSION = 1;

    static final int HEADER_BYTES = 16;
    static final int ENTRY_BYTES = 16;
    static final int FEATURES = 0;
    static final int VERSION_AT = 8;
    static final int DESC_NUM = 10;
    static final int LAST_BATCH_HEAD = 12;
    static final int USED_IDX = 14;
    /** Offsets in an entry. The padding behind the flag is stored with its first half and always 0. */
    static final int INFLIGHT = 0;

    static final int NEXT = 6;
    static final int COUNTER = 8;

    private static final int U8 = 0xFF;
    private static final int U16 = 0xFFFF;
    /** Keeps the regions of neighbouring queues out of each other's cache lines. */
    static final int ALIGNMENT = 64;

    private final LogMemory memory;
    private final int capacity;
    private long counter;

    /**
     * Creates a view; nothing is written.
     *
     * @param memory a direct buffer of at least {@link #bytes} bytes, its index 0 aligned to 8 bytes
     * @param capacity entries that lie in it: the most that a ring may have
     * @throws IllegalArgumentException if the memory is too small or misaligned
     */
    public QueueRegion(ByteBuffer memory, int capacity) {
        this(new SharedLogMemory(memory), capacity);
        if (!memory.isDirect() || memory.alignmentOffset(0, Long.BYTES) != 0 || memory.capacity() < bytes(capacity)) {
            throw new IllegalArgumentException(
                    "memory for " + capacity + " requests in flight is too small or misaligned");
        }
    }

    QueueRegion(LogMemory memory, int capacity) {
        this.memory = memory;
        this.capacity = capacity;
    }

    /** Creates a region that ends with the process, for a queue without successor; to be {@link #reset}. */
    public static QueueRegion ofThisProcess(int capacity) {
        return new QueueRegion(
                ByteBuffer.allocateDirect(bytes(capacity) + Long.BYTES).alignedSlice(Long.BYTES), capacity);
    }

    /** Returns the bytes that a region of this many entries takes: a multiple of 64. */
    public static int bytes(int capacity) {
        return (HEADER_BYTES + ENTRY_BYTES * capacity + ALIGNMENT - 1) & -ALIGNMENT;
    }

    /** Returns the entries that lie in it. */
    public int capacity() {
        return capacity;
    }

    /** Returns whether it tells of a queue: not so while it is new or {@link #invalidate}d. */
    public boolean isValid() {
        return memory.load16(VERSION_AT) != 0;
    }

    /** Says that there is no queue to tell of. */
    public void invalidate() {
        memory.store16(VERSION_AT, 0);
    }

    /**
     * Starts over with nothing in flight; not valid before all else is in place.
     *
     * @param ringSize entries of the ring, at most the capacity
     * @param usedIndex the used ring's idx
     */
    public void reset(int ringSize, int usedIndex) {
        checkSize(ringSize);
        invalidate();
        memory.store64(FEATURES, 0);
        for (int head = 0; head < capacity; head++) {
            memory.store64(entry(head), 0);
            memory.store64(entry(head) + COUNTER, 0);
        }
        memory.store16(DESC_NUM, ringSize);
        memory.store16(LAST_BATCH_HEAD, 0);
        memory.store16(USED_IDX, usedIndex);
        memory.store16(VERSION_AT, VERSION);
        counter = 0;
    }

    private void checkSize(int ringSize) {
        if (ringSize < 1 || ringSize > capacity) {
            throw new IllegalArgumentException("a ring of " + ringSize + " has no room among " + capacity);
        }
    }

    private static int entry(int head) {
        return HEADER_BYTES + ENTRY_BYTES * head;
    }

    /** A chain has been fetched for the first time; before anything is done for it. */
    public void fetched(int head) {
        memory.store64(entry(head) + COUNTER, counter++);
        memory.store16(entry(head) + INFLIGHT, 1);
    }

    /** A chain has been put into the used ring and will be published with the next idx. */
    public void pushed(int head) {
        memory.store16(entry(head) + NEXT, memory.load16(LAST_BATCH_HEAD));
        memory.store16(LAST_BATCH_HEAD, head);
    }

    /** A chain has been published; for each of a batch, before {@link #batchPublished}. */
    public void published(int head) {
        memory.store16(entry(head) + INFLIGHT, 0);
    }

    /** A batch has been published with this idx of the used ring. */
    public void batchPublished(int usedIndex) {
        memory.store16(USED_IDX, usedIndex);
    }

    /**
     * Brings the log up to date with the used ring, and returns what is in flight. Can be cut and repeated at any store.
     *
     * @param ringSize entries of the ring
     * @param usedIndex the used ring's idx
     * @param usedIds returns the id in the element of the used ring for a free-running index; it is not trusted
     * @return the heads of the chains in flight, in the order in which they were fetched
     * @throws InflightException if the log says nothing about this ring; then it has not been changed
     */
    public int[] recover(int ringSize, int usedIndex, IntUnaryOperator usedIds) throws InflightException {
        checkSize(ringSize);
        check("version", memory.load16(VERSION_AT), VERSION);
        check("features", memory.load64(FEATURES), 0);
        check("ring size", memory.load16(DESC_NUM), ringSize);
        int logged = memory.load16(USED_IDX);
        int batch = (usedIndex - logged) & U16;
        if (batch > ringSize) {
            throw new InflightException(
                    "the log of requests in flight is " + batch + " answers behind a ring of " + ringSize);
        }
        int[] answered = new int[batch];
        for (int i = 0; i < batch; i++) {
            answered[i] = usedIds.applyAsInt((logged + i) & U16);
            if (answered[i] < 0 || answered[i] >= ringSize) {
                throw new InflightException("the used ring names a chain that can't be: " + answered[i]);
            }
        }
        for (int head : answered) {
            published(head);
        }
        batchPublished(usedIndex);
        return inFlight(ringSize);
    }

    private static void check(String what, long found, long wanted) throws InflightException {
        if (found != wanted) {
            throw new InflightException(
                    "the log of requests in flight is of another queue: " + what + " is " + found + ", not " + wanted);
        }
    }

    /** Reads everything once: a memory that changes meanwhile must not confuse the sorting. */
    private int[] inFlight(int ringSize) {
        long[] numbers = new long[ringSize];
        int[] heads = IntStream.range(0, ringSize)
                .filter(head -> (memory.load16(entry(head) + INFLIGHT) & U8) != 0)
                .peek(head -> numbers[head] = memory.load64(entry(head) + COUNTER))
                .boxed()
                .sorted((one, other) -> Long.compareUnsigned(numbers[one], numbers[other]))
                .mapToInt(Integer::intValue)
                .toArray();
        counter = heads.length == 0 ? 0 : numbers[heads[heads.length - 1]] + 1;
        return heads;
    }
}
