package io.ashlar.protocol.codec;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.protocol.frame.Limits;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import io.netty.channel.ChannelConfig;
import io.netty.channel.RecvByteBufAllocator;
import io.netty.util.UncheckedBooleanSupplier;

/**
 * The one buffer that a connection's socket is read into, again and again, so that a read allocates nothing and a frame
 * that is cut across reads is put together where it lies.
 *
 * <pre>
 *   | decoded | part of a frame, readable | room, writable |     full: the part moves to the front;
 *   0     readerIndex                writerIndex      capacity   full of one frame: the buffer doubles
 * </pre>
 *
 * It doubles only when every byte of it has arrived from the peer, so memory is bounded by twice what was received. While
 * someone retains it, the next read goes to another buffer. Either needs memory, which is asked for before the read: where
 * it is refused, reading stops. For growing all of it is taken at once, else buffers that have grown by half could wait
 * for each other for ever. Netty asks for the buffer through the handle of the
 * channel's receive allocator; the epoll transport reads at the writer index.
 */
@ConfinedTo(LoopKind.DATA)
@SuppressWarnings("deprecation") // Netty deprecates Handle but its transports accept nothing else
final class ReceiveBuffer implements RecvByteBufAllocator {
    /** Reads of one turn of the loop: at most this many buffers full before other connections have theirs. */
    private static final int READS_MAX = 8;
    /** Moving up to a part of a frame is cheaper than a system call for less than this. */
    private static final int ROOM_BYTES_MIN = 32 << 10;

    private final ByteBufAllocator allocator;
    private final ReceiveMemory memory;
    private ByteBuf buffer;
    private int missingBytes;
    private int takenBytes;

    ReceiveBuffer(ByteBufAllocator allocator, ReceiveMemory memory) {
        this.allocator = allocator;
        this.memory = memory;
        memory.charge(Limits.RECEIVE_BYTES_INITIAL);
        buffer = allocator.directBuffer(Limits.RECEIVE_BYTES_INITIAL, Limits.RECEIVE_BYTES_MAX);
    }

    /** Returns the buffer as it is now. */
    ByteBuf buffer() {
        return buffer;
    }

    /** Says how many more bytes the frame at the reader index needs, as far as known. */
    void expect(int newMissingBytes) {
        missingBytes = newMissingBytes;
    }

    /** Makes room behind the writer index: at least one byte, if possible as much as the frame needs. */
    void makeRoom() {
        int needed = neededBytes();
        if (needed > 0) {
            if (takenBytes < needed) {
                memory.charge(needed - takenBytes);
                takenBytes = needed;
            }
            replace(buffer.refCnt() > 1 ? buffer.capacity() : 2 * buffer.capacity());
        } else if (!buffer.isReadable()) {
            buffer.setIndex(0, 0);
        } else if (buffer.writerIndex() + Math.max(missingBytes, ROOM_BYTES_MIN) > buffer.capacity()) {
            buffer.discardReadBytes();
        }
    }

    /** Returns what must be taken before the next read: another buffer, or what this one may still grow by. */
    private int neededBytes() {
        if (buffer.refCnt() > 1) {
            boolean fits = buffer.readableBytes() + missingBytes <= buffer.capacity();
            return fits && isSmall() ? buffer.capacity() : Limits.RECEIVE_BYTES_MAX;
        }
        return buffer.readableBytes() == buffer.capacity() ? Limits.RECEIVE_BYTES_MAX - buffer.capacity() : 0;
    }

    /** Returns what must stay taken: whoever has begun to grow can always finish, or it might wait for ever. */
    private int neededToFinish() {
        boolean fits = buffer.readableBytes() + missingBytes <= buffer.capacity();
        return Math.max(neededBytes(), fits && isSmall() ? 0 : Limits.RECEIVE_BYTES_MAX - buffer.capacity());
    }

    private boolean isSmall() {
        return buffer.capacity() == Limits.RECEIVE_BYTES_INITIAL;
    }

    /** Returns whether there is memory for the next read. */
    boolean mayReadOn() {
        if (isReleased()) {
            return true;
        }
        int needed = neededBytes();
        if (needed > takenBytes && memory.take(needed - takenBytes)) {
            takenBytes = needed;
        }
        return needed <= takenBytes;
    }

    /** Makes do with the least memory: a large buffer with nothing in it becomes a small one. */
    void trim() {
        if (isReleased()) {
            return;
        }
        if (buffer.refCnt() == 1 && !buffer.isReadable() && !isSmall()) {
            memory.charge(Limits.RECEIVE_BYTES_INITIAL);
            takenBytes += Limits.RECEIVE_BYTES_INITIAL;
            replace(Limits.RECEIVE_BYTES_INITIAL);
        }
        giveBackTaken(Math.max(0, takenBytes - neededToFinish()));
    }

    private void giveBackTaken(int bytes) {
        memory.giveBack(bytes);
        takenBytes -= bytes;
    }

    private void replace(int capacity) {
        ByteBuf other = allocator.directBuffer(capacity, Limits.RECEIVE_BYTES_MAX);
        takenBytes -= capacity;
        other.writeBytes(buffer, buffer.readerIndex(), buffer.readableBytes());
        int capacityBefore = buffer.capacity();
        if (buffer.release()) {
            takenBytes += capacityBefore;
        }
        buffer = other;
    }

    /** Gives up a reference to a buffer of this connection. */
    void letGo(ByteBuf received) {
        int capacity = received.capacity();
        if (received.release()) {
            memory.giveBack(capacity);
        }
    }

    /** Returns whether the buffer has been given back. */
    boolean isReleased() {
        return buffer == null;
    }

    /** Gives the buffer back. */
    void release() {
        if (buffer != null) {
            giveBackTaken(takenBytes);
            letGo(buffer);
            buffer = null;
        }
    }

    @Override
    public Handle newHandle() {
        return new ReadHandle();
    }

    /** Answers Netty's questions of one read loop. */
    private final class ReadHandle implements ExtendedHandle {
        private int attempted;
        private int last;
        private int reads;

        @Override
        public ByteBuf allocate(ByteBufAllocator unused) {
            if (isReleased()) {
                memory.charge(Limits.HEADER_BYTES);
                return allocator.directBuffer(Limits.HEADER_BYTES);
            }
            makeRoom();
            return buffer.retain();
        }

        @Override
        public int guess() {
            return isReleased() ? Limits.HEADER_BYTES : buffer.writableBytes();
        }

        @Override
        public void reset(ChannelConfig config) {
            reads = 0;
            last = 0;
            attempted = 0;
        }

        @Override
        public void incMessagesRead(int count) {
            reads += count;
        }

        @Override
        public void lastBytesRead(int bytes) {
            last = bytes;
        }

        @Override
        public int lastBytesRead() {
            return last;
        }

        @Override
        public void attemptedBytesRead(int bytes) {
            attempted = bytes;
        }

        @Override
        public int attemptedBytesRead() {
            return attempted;
        }

        @Override
        public boolean continueReading() {
            return continueReading(() -> last == attempted);
        }

        @Override
        public boolean continueReading(UncheckedBooleanSupplier maybeMoreData) {
            return reads < READS_MAX && last > 0 && maybeMoreData.get() && mayReadOn();
        }

        @Override
        public void readComplete() {
            // Nothing is predicted, so there is nothing to record.
        }
    }
}
