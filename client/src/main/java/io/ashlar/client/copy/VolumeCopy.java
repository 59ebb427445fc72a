package io.ashlar.client.copy;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.block.BlockDevice;
import io.ashlar.base.block.BlockGeometry;
import io.ashlar.base.block.BlockRuns;
import io.ashlar.base.block.Operation;
import io.ashlar.base.checksum.Crc32c;
import io.ashlar.base.checksum.Crc32cSum;
import io.ashlar.base.loop.Loop;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ReadableByteChannel;

/**
 * Copies a volume to a raw image and back, in order, zeroes left out on either side: what the volume does not hold is not
 * asked for, and zeroes are neither sent nor stored. Blocks its caller; not to be called on a loop.
 */
@ConfinedTo(LoopKind.OWNER)
public final class VolumeCopy implements AutoCloseable {
    /** How much is asked about at a time, and how often progress is durable. */
    private static final long STEP_BYTES = BlockGeometry.EXTENT_BYTES;

    private final BlockDevice device;
    private final DeviceStream stream;
    private final CopyProgress progress;
    private final Crc32c crc = new Crc32c();
    private final ByteBuffer zeroes = ByteBuffer.allocateDirect(DeviceStream.PIECE_BYTES);
    private long dataBytes;

    /**
     * Prepares a copy.
     *
     * @param loop a loop of the device, not the caller's
     * @throws IOException in one line, like everything that goes wrong later
     */
    public VolumeCopy(BlockDevice device, Loop loop, CopyProgress progress) throws IOException {
        this.device = device;
        this.progress = progress;
        stream = new DeviceStream(device, loop);
    }

    /** Where an exported image goes; called in order, without gaps. */
    public interface Sink {
        /** Takes bytes. */
        void data(long offset, ByteBuffer bytes) throws IOException;

        /** Takes zeroes. */
        void zeroes(long offset, long length) throws IOException;

        /** Makes what came so far durable; returns whether that can be. */
        boolean sync() throws IOException;
    }

    /**
     * Copies the volume out.
     *
     * @param sum what has been copied by an earlier attempt, which is gone on with
     * @param size up to where, in whole logical blocks
     */
    public CopyReport copyOut(Sink sink, Crc32cSum sum, long size) throws IOException {
        long at = sum.lengthBytes();
        while (at < size) {
            long stepEnd = Math.min(size, (at / STEP_BYTES + 1) * STEP_BYTES);
            BlockRuns runs = stream.runs(at, stepEnd - at);
            for (int i = 0; i < runs.count(); i++) {
                long end = at + runs.lengthBytes(i);
                if (runs.kind(i) == BlockRuns.Kind.DATA) {
                    copyRun(at, end, sink, sum);
                } else {
                    sink.zeroes(at, end - at);
                    sum.appendZeroes(end - at);
                }
                at = end;
            }
            progress.at(sum, at == stepEnd && sink.sync());
        }
        return new CopyReport(size, dataBytes, sum.text());
    }

    private void copyRun(long from, long end, Sink sink, Crc32cSum sum) throws IOException {
        long next = from;
        while (next < end || !stream.isIdle()) {
            Piece piece = next < end ? stream.free() : null;
            if (piece != null) {
                int length = lengthOfPiece(next, end);
                piece.prepare(Operation.READ, next, length, 0);
                stream.submit(piece);
                next += length;
                continue;
            }
            Piece oldest = stream.takeOldest();
            int length = (int) oldest.lengthBytes();
            if (isZero(oldest, length)) {
                sink.zeroes(oldest.offsetBytes(), length);
                sum.appendZeroes(length);
            } else {
                sink.data(oldest.offsetBytes(), oldest.nio(length));
                sum.append(crc.compute(oldest.memory(), 0, length), length);
                dataBytes += length;
            }
            stream.giveBack(oldest);
            progress.at(sum, false);
        }
    }

    private static int lengthOfPiece(long offset, long end) {
        return (int) Math.min(end - offset, DeviceStream.PIECE_BYTES - offset % DeviceStream.PIECE_BYTES);
    }

    /**
     * Copies an image in, from where the sum ends to the channel's end; what lies beyond it in the volume stays. The
     * last block is filled up with zeroes.
     *
     * @param image stands where the sum ends
     * @param sum what has been copied by an earlier attempt, which is gone on with
     */
    public CopyReport copyIn(ReadableByteChannel image, Crc32cSum sum) throws IOException {
        long size = device.geometry().sizeBytes();
        boolean more = true;
        KnownRun known = new KnownRun();
        while (more) {
            Piece piece = stream.free();
            while (piece == null) {
                stream.giveBack(stream.takeOldest());
                piece = stream.free();
            }
            long at = sum.lengthBytes();
            int wanted = lengthOfPiece(at, Long.MAX_VALUE);
            int length = fill(image, piece.nio(wanted));
            more = length == wanted;
            if (length > size - at) {
                stream.giveBack(piece);
                throw new IOException("the image is larger than the volume, which has " + size + " bytes");
            }
            putIn(piece, at, length, known, sum);
            boolean durable = more && sum.lengthBytes() % STEP_BYTES == 0;
            if (durable) {
                stream.flush();
            }
            progress.at(sum, durable);
        }
        stream.flush();
        return new CopyReport(sum.lengthBytes(), dataBytes, sum.text());
    }

    private void putIn(Piece piece, long at, int length, KnownRun known, Crc32cSum sum) throws IOException {
        int block = device.geometry().logicalBlockBytes();
        int rounded = (length + block - 1) & -block;
        if (length == 0) {
            stream.giveBack(piece);
        } else if (isZero(piece, length)) {
            sum.appendZeroes(length);
            if (known.isZero(at, rounded)) {
                stream.giveBack(piece);
            } else {
                stream.zero(piece, at, rounded);
            }
        } else {
            sum.append(crc.compute(piece.memory(), 0, length), length);
            piece.memory().setZero(length, rounded - length);
            piece.prepare(Operation.WRITE, at, rounded, 0);
            stream.submit(piece);
            dataBytes += length;
        }
    }

    /** What the volume held when it was last asked; what was written since lies before whatever is asked about. */
    private final class KnownRun {
        private long start;
        private long end;
        private boolean zero;

        boolean isZero(long offset, long length) throws IOException {
            if (offset < start || offset >= end) {
                long size = device.geometry().sizeBytes();
                BlockRuns runs = stream.runs(offset, Math.min(STEP_BYTES, size - offset));
                start = offset;
                end = offset + runs.lengthBytes(0);
                zero = runs.kind(0) != BlockRuns.Kind.DATA;
            }
            return zero && offset + length <= end;
        }
    }

    private static int fill(ReadableByteChannel image, ByteBuffer memory) throws IOException {
        while (memory.hasRemaining() && image.read(memory) >= 0) {
            // more may follow
        }
        return memory.position();
    }

    private boolean isZero(Piece piece, int length) {
        return piece.nio(length).mismatch(zeroes.clear().limit(length)) < 0;
    }

    @Override
    public void close() throws IOException {
        stream.close();
    }
}
