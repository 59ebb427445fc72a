package io.ashlar.store.file;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.block.ScatterList;
import io.ashlar.base.sys.Errno;
import io.netty.buffer.ByteBuf;

/**
 * A list of memory pieces for preadv2(2) and pwritev(2), in direct memory: {@code struct iovec}, 16 bytes each (address,
 * length). One per thread, refilled for each call. {@link #writeTo} and {@link #readFrom} take up where a short call ended.
 */
@ConfinedTo(LoopKind.OWNER)
public final class IoVector {
    /** IOV_MAX, the most pieces that the kernel takes in one call ({@code linux/uio.h}, UIO_MAXIOV). */
    private static final int PIECES_PER_CALL = 1024;

    private static final int PIECE_BYTES = 16;

    private ByteBuf pieces = Scratch.allocate(PIECES_PER_CALL * PIECE_BYTES);
    private int first;
    private int count;
    private long lengthBytes;

    /** Forgets all pieces. */
    public void clear() {
        first = 0;
        count = 0;
        lengthBytes = 0;
    }

    /** Appends memory at an address. */
    public void add(long address, int length) {
        if ((count + 1) * PIECE_BYTES > pieces.capacity()) {
            ByteBuf larger = Scratch.allocate(2 * pieces.capacity()); // for a request of a thousand segments
            larger.setBytes(0, pieces, 0, pieces.capacity());
            pieces = larger;
        }
        pieces.setLongLE(count * PIECE_BYTES, address);
        pieces.setLongLE(count * PIECE_BYTES + 8, length);
        count++;
        lengthBytes += length;
    }

    /** Appends {@code length} bytes of the list from {@code position}. */
    public void add(ScatterList list, int position, int length) {
        int done = 0;
        int i = list.segmentAt(position);
        int within = position - list.startOf(i);
        while (done < length) {
            int piece = Math.min(length - done, list.length(i) - within);
            add(list.memory(i).memoryAddress() + list.offset(i) + within, piece);
            done += piece;
            within = 0;
            i++;
        }
    }

    /** Returns the bytes not yet transferred. */
    public long lengthBytes() {
        return lengthBytes;
    }

    /** Writes everything; returns 0 or -errno. What has been written by then is gone from the vector. */
    public long writeTo(StorageFile file, long offset) {
        long at = offset;
        while (lengthBytes > 0) {
            long result = file.writeVector(pieces.memoryAddress() + (long) first * PIECE_BYTES, perCall(), at);
            if (result <= 0) {
                return result == 0 ? -Errno.EIO : result;
            }
            at += result;
            consume(result);
        }
        return 0;
    }

    /** Reads once; returns what {@link StorageFile#readVector} returned. What has been read is gone from the vector. */
    public long readFrom(StorageFile file, long offset, boolean mayWait) {
        long result = file.readVector(pieces.memoryAddress() + (long) first * PIECE_BYTES, perCall(), offset, mayWait);
        if (result > 0) {
            consume(result);
        }
        return result;
    }

    private int perCall() {
        return Math.min(count - first, PIECES_PER_CALL);
    }

    private void consume(long transferred) {
        lengthBytes -= transferred;
        long rest = transferred;
        while (rest > 0) {
            int at = first * PIECE_BYTES;
            long length = pieces.getLongLE(at + 8);
            if (length > rest) {
                pieces.setLongLE(at, pieces.getLongLE(at) + rest);
                pieces.setLongLE(at + 8, length - rest);
                return;
            }
            rest -= length;
            first++;
        }
    }
}
