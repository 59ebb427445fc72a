package io.ashlar.nbd.session;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import io.netty.channel.ChannelConfig;
import io.netty.channel.RecvByteBufAllocator;
import io.netty.util.UncheckedBooleanSupplier;

/**
 * What a connection's socket is read into: a few buffers in turn, used again and again. A write's data stays where it was
 * received, so a buffer rests while a request holds a reference to it; reading goes on behind what is held, and in
 * another buffer when this one is full. When all rest, the socket is not read from.
 *
 * <pre>
 *   | done, maybe held by requests | part of a request, readable | room, writable |
 *   0                         readerIndex                    writerIndex      capacity
 * </pre>
 *
 * Netty asks for the buffer through the handle of the channel's receive allocator.
 */
@ConfinedTo(LoopKind.DATA)
@SuppressWarnings("deprecation") // Netty deprecates Handle but its transports accept nothing else
final class ReceiveBuffers implements RecvByteBufAllocator {
    /** Reads of one turn of the loop before other connections have theirs. */
    private static final int READS_MAX = 8;
    /** A system call for less than this is dearer than moving to another buffer. */
    private static final int ROOM_BYTES_MIN = 64 << 10;

    private final ByteBufAllocator allocator;
    private final ByteBuf[] buffers = new ByteBuf[NbdLimits.BUFFERS_MAX];
    private int count;
    private ByteBuf current;
    private int missingBytes;

    ReceiveBuffers(ByteBufAllocator allocator) {
        this.allocator = allocator;
        current = add();
    }

    private ByteBuf add() {
        ByteBuf fresh = allocator.directBuffer(NbdLimits.BUFFER_BYTES, NbdLimits.BUFFER_BYTES);
        buffers[count++] = fresh;
        return fresh;
    }

    /** Returns the buffer as it is now; null after {@link #release}. */
    ByteBuf current() {
        return current;
    }

    /** Says how many more bytes what stands at the reader index needs, at most a piece and a header. */
    void expect(int bytes) {
        missingBytes = bytes;
    }

    /** Makes room behind the writer index for what is expected; returns false when every buffer rests. */
    boolean makeRoom() {
        if (current == null) {
            return false;
        }
        if (!current.isReadable() && current.refCnt() == 1) {
            current.setIndex(0, 0);
        }
        if (current.writableBytes() >= Math.max(missingBytes, ROOM_BYTES_MIN)) {
            return true;
        }
        if (current.refCnt() == 1) {
            current.discardReadBytes();
            return current.isWritable();
        }
        ByteBuf other = findRested();
        if (other == null) {
            return current.writableBytes() >= Math.max(missingBytes, 1);
        }
        other.setIndex(0, 0).writeBytes(current, current.readerIndex(), current.readableBytes());
        current = other;
        return true;
    }

    private ByteBuf findRested() {
        for (int i = 0; i < count; i++) {
            if (buffers[i].refCnt() == 1) {
                return buffers[i];
            }
        }
        return count < buffers.length ? add() : null;
    }

    /** Gives the buffers back; those that requests hold follow with them. */
    void release() {
        current = null;
        for (int i = 0; i < count; i++) {
            buffers[i].release();
        }
        count = 0;
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

        /** A peer that hangs up is read from whatever the state: what then finds no room is thrown away. */
        @Override
        public ByteBuf allocate(ByteBufAllocator unused) {
            return makeRoom() ? current.retain() : allocator.directBuffer(ROOM_BYTES_MIN);
        }

        @Override
        public int guess() {
            return ROOM_BYTES_MIN;
        }

        @Override
        public void reset(ChannelConfig config) {
            reads = 0;
            last = 0;
            attempted = 0;
        }

        @Override
        public void incMessagesRead(int messages) {
            reads += messages;
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
            return reads < READS_MAX && last > 0 && maybeMoreData.get() && makeRoom();
        }

        @Override
        public void readComplete() {
            // Nothing is predicted, so there is nothing to record.
        }
    }
}
