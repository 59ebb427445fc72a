package io.ashlar.store.volume;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.block.BlockGeometry;
import io.ashlar.base.block.BlockRequest;
import io.ashlar.base.status.Status;
import io.ashlar.store.extent.Extent;
import io.ashlar.store.extent.ExtentSync;
import io.ashlar.store.format.RegionMap;
import io.ashlar.store.intent.IntentTable;
import io.ashlar.store.latch.RangeClaim;
import java.util.ArrayList;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * A request on its way through the store, or a part of one: at most one region, which it claims. Taken from the queue's
 * free list and put back. Belongs to one thread at a time: its loop, or the pool thread it was handed to; whoever it waits
 * for (the latch, a mark, a sync) hands it back with {@link StoredQueue#wake}.
 */
@ConfinedTo(LoopKind.OWNER)
final class StoreOp extends RangeClaim implements Runnable, ExtentSync.Listener, IntentTable.Listener {
    /** What an operation does with its range. */
    enum Kind {
        READ,
        WRITE,
        /** Writes zeroes where there is data, and leaves what is allocated allocated. */
        WRITE_ZEROES,
        /** Makes whole blocks zero and gives their space back. */
        UNMAP,
        /** Syncs what was written; claims nothing. */
        FLUSH
    }

    /** What is done next when the operation is on its loop again. */
    enum Step {
        EXECUTE,
        /** The entries say zero and are durable: the bytes may go. In the pool. */
        PUNCH,
        /** A write failed half-way: find out what the blocks hold. In the pool. */
        SETTLE,
        FINISH,
        /** The claim is free: answer. */
        COMPLETE
    }

    /** How far a path has come with an operation. */
    enum Outcome {
        /** What is needed is at hand. */
        READY,
        /** Done, with {@link StoreOp#status}. */
        DONE,
        /** The thread would have to wait: to the pool, from the start of the step. */
        BLOCKS,
        /** Somebody will wake the operation. */
        PENDING
    }

    final StoredQueue queue;
    /** Files of a flush still to be synced. */
    final AtomicInteger syncsLeft = new AtomicInteger();
    /** As many as extents were ever synced together for this object, and used again. */
    private final ArrayList<ExtentSync.Ticket> tickets = new ArrayList<>(1);

    private int ticketsUsed;

    /** The CRC32C of each block's piece, computed on the loop. */
    int[] checksums = new int[2];

    BlockRequest request;
    ZeroRequest parent;
    Kind kind;
    Step step;
    Status status;
    long offsetBytes;
    int lengthBytes;
    boolean fua;
    boolean confirming;
    int readBytes;
    long writtenAtFlush;
    /** Whether an extent of this flush has failed, which the volume may not know yet. Set by pool threads. */
    volatile boolean unsound;

    Extent extent;
    RegionMap map;

    /** Links free operations, or those that wake. */
    StoreOp next;

    StoreOp(StoredQueue queue) {
        this.queue = queue;
    }

    /** Prepares a new operation; {@code request} is null for a part of a {@link ZeroRequest}. */
    void start(Kind newKind, BlockRequest newRequest, ZeroRequest newParent, long offset, int length, boolean isFua) {
        kind = newKind;
        request = newRequest;
        parent = newParent;
        offsetBytes = offset;
        lengthBytes = length;
        fua = isFua;
        step = Step.EXECUTE;
        status = Status.OK;
        confirming = false;
        readBytes = 0;
        ticketsUsed = 0;
        unsound = false;
        extent = null;
        map = null;
        if (newKind != Kind.FLUSH) {
            set(BlockGeometry.blockOf(offset), BlockGeometry.blockOf(offset + length - 1) + 1, newKind != Kind.READ);
        }
    }

    /** Ends the step with a status. */
    Outcome done(Status newStatus) {
        status = newStatus;
        step = Step.FINISH;
        return Outcome.DONE;
    }

    /** Joins the extent's next sync; a flush joins those of several. Allocates only if it never joined so many. */
    void joinSync(Extent synced) {
        if (ticketsUsed == tickets.size()) {
            tickets.add(new ExtentSync.Ticket(this));
        }
        synced.sync().join(tickets.get(ticketsUsed++));
    }

    /** Returns the first byte behind the range. */
    long endBytes() {
        return offsetBytes + lengthBytes;
    }

    /** Returns the bytes of block {@code block} of the volume that lie in the range. */
    int pieceBytes(long block) {
        long start = Math.max(offsetBytes, block << BlockGeometry.BLOCK_SHIFT);
        long end = Math.min(endBytes(), (block + 1) << BlockGeometry.BLOCK_SHIFT);
        return (int) (end - start);
    }

    /** Returns where the piece of block {@code block} starts in the range. */
    int pieceStart(long block) {
        return (int) Math.max(0, (block << BlockGeometry.BLOCK_SHIFT) - offsetBytes);
    }

    /** Works in the pool. */
    @Override
    public void run() {
        queue.runInPool(this);
    }

    @Override
    protected void onGranted() {
        queue.wake(this);
    }

    @Override
    protected void onReleased() {
        queue.wake(this);
    }

    @Override
    public void onMarked(boolean done) {
        if (!done) {
            done(Status.IO_ERROR);
        }
        queue.wake(this);
    }

    @Override
    public void onSynced(boolean sound) {
        if (kind == Kind.FLUSH) {
            if (!sound) {
                unsound = true; // before the decrement, which hands it to the loop
            }
            if (syncsLeft.decrementAndGet() == 0) {
                queue.wake(this);
            }
            return;
        }
        if (!sound) {
            done(Status.IO_ERROR);
        }
        queue.wake(this);
    }
}
