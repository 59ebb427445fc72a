package io.ashlar.client.copy;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.block.BlockDevice;
import io.ashlar.base.block.BlockQueue;
import io.ashlar.base.block.BlockRequest;
import io.ashlar.base.block.BlockRuns;
import io.ashlar.base.block.Operation;
import io.ashlar.base.loop.Loop;
import io.ashlar.base.status.Status;
import java.io.IOException;
import java.util.ArrayDeque;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.function.Supplier;

/** A device as a thread that may block sees it: a few requests in flight, taken back in the order of their submission. */
@ConfinedTo(LoopKind.OWNER)
final class DeviceStream implements AutoCloseable {
    /** A sixteenth of a node's receive memory for one connection, and enough to keep the network busy. */
    static final int PIECE_BYTES = 256 << 10;

    private static final int PIECES = 16;
    private static final int RUNS_MAX = 1024;

    private final BlockDevice device;
    private final Loop loop;
    private final BlockQueue queue;
    private final ArrayDeque<Piece> free = new ArrayDeque<>();
    private final ArrayDeque<Piece> inFlight = new ArrayDeque<>();

    DeviceStream(BlockDevice device, Loop loop) throws IOException {
        this.device = device;
        this.loop = loop;
        queue = onLoop(() -> device.openQueue(loop, () -> {}));
        for (int i = 0; i < PIECES; i++) {
            free.add(new Piece(PIECE_BYTES));
        }
    }

    private <T> T onLoop(Supplier<T> work) throws IOException {
        return await(CompletableFuture.supplyAsync(work, loop::execute));
    }

    private static <T> T await(CompletableFuture<T> future) throws IOException {
        try {
            return future.get();
        } catch (ExecutionException e) {
            throw new IOException(e.getCause().getMessage(), e.getCause());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted", e);
        }
    }

    /** Returns what the range holds, as far as one answer tells it. */
    BlockRuns runs(long offset, long length) throws IOException {
        CompletableFuture<Status> answered = new CompletableFuture<>();
        BlockRuns runs = new BlockRuns(RUNS_MAX);
        loop.execute(
                () -> device.blockStatus(offset, length, runs, loop, (status, unused) -> answered.complete(status)));
        check(await(answered), "can't find out what the volume holds", offset);
        return runs;
    }

    /** Returns a piece to be submitted, or null when all are in flight. */
    Piece free() {
        return free.poll();
    }

    boolean isIdle() {
        return inFlight.isEmpty();
    }

    void submit(Piece piece) {
        inFlight.add(piece);
        loop.execute(() -> {
            queue.submit(piece);
            queue.endBatch();
        });
    }

    /** Waits for the oldest piece and returns it; {@link #giveBack} follows. */
    Piece takeOldest() throws IOException {
        Piece piece = inFlight.poll();
        Status status;
        try {
            status = piece.await();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted", e);
        }
        check(status, piece.operation() == Operation.READ ? "can't read" : "can't write", piece.offsetBytes());
        return piece;
    }

    void giveBack(Piece piece) {
        free.add(piece);
    }

    /** Waits until everything submitted is done, and makes it durable. */
    void flush() throws IOException {
        while (!isIdle()) {
            giveBack(takeOldest());
        }
        Piece piece = free();
        piece.prepare(Operation.FLUSH, 0, 0, 0);
        submit(piece);
        giveBack(takeOldest());
    }

    /** Has the range made zero without taking space. */
    void zero(Piece piece, long offset, long length) {
        piece.prepare(Operation.WRITE_ZEROES, offset, length, BlockRequest.UNMAP);
        submit(piece);
    }

    private static void check(Status status, String failure, long offset) throws IOException {
        if (!status.isOk()) {
            throw new IOException(failure + " at " + offset + ": " + status.text());
        }
    }

    /** Ends; what is in flight is waited for. */
    @Override
    public void close() throws IOException {
        onLoop(() -> {
            queue.close();
            return true;
        });
        for (Piece piece : inFlight) {
            try {
                piece.await();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                return; // the memory is the device's for good
            }
            piece.release();
        }
        free.forEach(Piece::release);
    }
}
