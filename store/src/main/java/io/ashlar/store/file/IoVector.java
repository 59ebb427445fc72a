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

    /**
     * The most that one call writes. The page cache keeps what one call wrote as one piece of up to 2 MiB (a large folio), and ext4
     * goes through all of its blocks for each of them that is overwritten later (fs/ext4/inode.c, ext4_block_write_begin). Less
     * than this makes large writes slower, and small ones hardly faster (docs/benchmarks.md).
     */
    static final int WRITE_BYTES_MAX = 64 << 10;

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
        int done = 0;
        while (length - done > WRITE_BYTES_MAX) {
            append(address + done, WRITE_BYTES_MAX);
            done += WRITE_BYTES_MAX;
        }
        append(address + done, length - done);
    }

    private void append(long address, int length) {
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
            long result = file.writeVector(pieces.memoryAddress() + (long) first * PIECE_BYTES, perWrite(), at);
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

    /** Returns how many of the pieces, of which none is longer than that, make up the most that one call writes. */
    private int perWrite() {
        int most = perCall();
        int taken = 1;
        long bytes = pieces.getLongLE(first * PIECE_BYTES + 8);
        while (taken < most) {
            bytes += pieces.getLongLE((first + taken) * PIECE_BYTES + 8);
            if (bytes > WRITE_BYTES_MAX) {
                break;
            }
            taken++;
        }
        return taken;
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
