package io.ashlar.store.volume;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.block.BlockGeometry;
import io.ashlar.base.block.BlockQueue;
import io.ashlar.base.block.BlockRequest;
import io.ashlar.base.block.BlockRuns;
import io.ashlar.base.loop.Loop;
import io.ashlar.base.status.Status;
import io.ashlar.store.extent.Extent;
import io.ashlar.store.extent.IoContext;
import io.ashlar.store.volume.StoreOp.Kind;
import io.ashlar.store.volume.StoreOp.Outcome;
import io.ashlar.store.volume.StoreOp.Step;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.BooleanSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One loop's way into a stored volume. The path of a request, top to bottom: {@link #submit}, the claim on its blocks,
 * {@link #execute} (the paths of {@link ReadPath}, {@link WritePath}, {@link UnmapPath}), {@link #finish}, the claim's
 * release, {@link #answer}. In the steady state all of it happens inside {@code submit}, without allocation, lock or
 * hand-off. Whatever must wait comes back through {@link #wake}.
 */
@ConfinedTo(LoopKind.DATA)
public final class StoredQueue implements BlockQueue {
    private static final Logger LOG = LoggerFactory.getLogger(StoredQueue.class);

    private final StoredVolume volume;
    private final VolumeParts parts;
    private final Loop loop;
    private final Runnable completionsEnded;
    private final IoContext context = new IoContext(false);
    /** Operations that others have handed back, newest first. The one field here that other threads write. */
    private final AtomicReference<StoreOp> awake = new AtomicReference<>();

    private final Runnable proceedAll = this::proceedAll;
    private StoreOp free;

    StoredQueue(StoredVolume volume, VolumeParts parts, Loop loop, Runnable completionsEnded) {
        this.volume = volume;
        this.parts = parts;
        this.loop = loop;
        this.completionsEnded = completionsEnded;
    }

    StoredVolume volume() {
        return volume;
    }

    @Override
    public void submit(BlockRequest request) {
        switch (request.operation()) {
            case READ -> submitData(Kind.READ, request);
            case WRITE -> submitData(Kind.WRITE, request);
            case WRITE_ZEROES, DISCARD -> new ZeroRequest(this, request, parts.shape()).proceed();
            case FLUSH -> flush(request);
        }
    }

    private void submitData(Kind kind, BlockRequest request) {
        StoreOp op = take();
        op.start(
                kind, request, null, request.offsetBytes(), (int) request.lengthBytes(), request.has(BlockRequest.FUA));
        Status status = kind == Kind.READ ? checkRead(request) : sumUp(op);
        if (status.isOk()) {
            claim(op);
        } else {
            op.done(status);
            answer(op);
        }
    }

    void startPart(ZeroRequest whole, Kind kind, long offset, int length, boolean fua) {
        StoreOp op = take();
        op.start(kind, null, whole, offset, length, fua);
        claim(op);
    }

    private static Status checkRead(BlockRequest request) {
        boolean isAligned = BlockGeometry.isBlockAligned(request.offsetBytes(), request.lengthBytes());
        return request.checksums() == null || isAligned ? Status.OK : Status.INVALID;
    }

    /** Computes the checksum of each block's piece, and compares it with the one that came along: the one pass. */
    private Status sumUp(StoreOp op) {
        BlockRequest request = op.request;
        int blocks = op.blocks();
        if (op.checksums.length < blocks) {
            op.checksums = new int[parts.shape().regionBlocks()];
        }
        boolean given = request.checksums() != null;
        if (given && request.checksums().count() != blocks) {
            return Status.INVALID;
        }
        for (int i = 0; i < blocks; i++) {
            long block = op.firstBlock() + i;
            int checksum = request.data().checksum(context.crc(), op.pieceStart(block), op.pieceBytes(block));
            if (given && request.checksums().get(i) != checksum) {
                return Status.CHECKSUM;
            }
            op.checksums[i] = checksum;
        }
        return Status.OK;
    }

    private void claim(StoreOp op) {
        if (parts.latch().claim(op)) {
            execute(op);
        } else {
            parts.counters().parked().increment();
        }
    }

    /** Takes the operation as far as it gets on the loop. */
    private void execute(StoreOp op) {
        switch (step(op, context)) {
            case DONE -> finish(op);
            case BLOCKS -> toPool(op);
            case READY, PENDING -> {} // somebody wakes it
        }
    }

    private Outcome step(StoreOp op, IoContext onThread) {
        try {
            return switch (op.step) {
                case EXECUTE ->
                    switch (op.kind) {
                        case READ -> volume.reads().run(op, onThread);
                        case WRITE, WRITE_ZEROES -> volume.writes().run(op, onThread);
                        case UNMAP -> volume.unmaps().run(op, onThread);
                        case FLUSH -> op.done(Status.INTERNAL);
                    };
                case PUNCH -> onThread.mayBlock() ? volume.unmaps().punch(op, onThread) : Outcome.BLOCKS;
                case SETTLE -> onThread.mayBlock() ? volume.writes().settle(op, onThread) : Outcome.BLOCKS;
                case FINISH, COMPLETE -> Outcome.DONE;
            };
        } catch (RuntimeException e) {
            LOG.error("{} at {} failed", op.kind, op.offsetBytes, e);
            return op.done(Status.INTERNAL);
        }
    }

    private void toPool(StoreOp op) {
        parts.counters().handOffs().increment();
        parts.pool().execute(op);
    }

    /** Works off a step in the pool and hands the operation back. */
    void runInPool(StoreOp op) {
        IoContext onThread = parts.contexts().take();
        Outcome outcome = step(op, onThread);
        if (outcome == Outcome.BLOCKS) {
            outcome = step(op, onThread); // a write that failed goes on to SETTLE
        }
        parts.contexts().giveBack(onThread);
        if (outcome == Outcome.DONE) {
            wake(op);
        }
    }

    /** Hands an operation back to its loop, which goes on with its step. Any thread. */
    void wake(StoreOp op) {
        StoreOp before;
        do {
            before = awake.get();
            op.next = before;
        } while (!awake.compareAndSet(before, op));
        if (before == null) {
            loop.execute(proceedAll);
        }
    }

    private void proceedAll() {
        StoreOp inOrder = null;
        for (StoreOp op = awake.getAndSet(null); op != null; ) {
            StoreOp next = op.next;
            op.next = inOrder;
            inOrder = op;
            op = next;
        }
        while (inOrder != null) {
            StoreOp op = inOrder;
            inOrder = op.next;
            op.next = null;
            proceed(op);
        }
        completionsEnded.run();
    }

    private void proceed(StoreOp op) {
        switch (op.step) {
            case EXECUTE -> {
                if (op.kind == Kind.FLUSH) {
                    joinSyncs(op);
                } else {
                    execute(op);
                }
            }
            case PUNCH, SETTLE -> toPool(op);
            case FINISH -> finish(op);
            case COMPLETE -> answer(op);
        }
    }

    /** Ends the work on the blocks and gives them to the next. */
    private void finish(StoreOp op) {
        if (op.kind == Kind.FLUSH) {
            volume.endFlush(op);
            answer(op);
            return;
        }
        if (op.kind == Kind.READ && op.status.isOk() && volume.reads().finish(op, context.crc()) == Outcome.BLOCKS) {
            op.step = Step.EXECUTE;
            toPool(op);
            return;
        }
        op.step = Step.COMPLETE;
        if (parts.latch().release(op)) {
            answer(op);
        }
    }

    private void answer(StoreOp op) {
        BlockRequest request = op.request;
        ZeroRequest whole = op.parent;
        Status status = op.status;
        if (status == Status.CORRUPT) {
            parts.counters().corruptBlocks().increment();
        }
        giveBack(op);
        if (whole != null) {
            whole.partEnded(status);
        } else {
            request.complete(status);
        }
    }

    private void flush(BlockRequest request) {
        StoreOp op = take();
        op.start(Kind.FLUSH, request, null, 0, 0, false);
        if (!volume.recovery().waitForEnd(op)) {
            joinSyncs(op);
        }
    }

    private void joinSyncs(StoreOp op) {
        op.step = Step.FINISH;
        op.writtenAtFlush = parts.unflushed().mark();
        op.syncsLeft.set(1);
        List<Extent> opened = parts.extents().opened();
        for (int i = 0; i < opened.size(); i++) {
            Extent extent = opened.get(i);
            if (extent.needsSync()) {
                op.syncsLeft.incrementAndGet();
                op.joinSync(extent);
            }
        }
        if (op.syncsLeft.decrementAndGet() == 0) {
            finish(op);
        }
    }

    /**
     * Finds out what the range holds; the answer comes on this queue's loop. It is a picture of the moment: changes in
     * flight may or may not be in it.
     *
     * <p>It begins nothing, and breaks off with UNAVAILABLE, once nobody wants the answer or the volume is being closed; where too
     * many are under way it is BUSY at once.
     *
     * @param runsMax how many runs the answer may have; from {@code offsetBytes} on, at least one
     * @param isWanted asked on a pool thread, before each map that is read
     * @param listener gets no runs without OK
     */
    public void blockStatus(
            long offsetBytes, long lengthBytes, int runsMax, BooleanSupplier isWanted, BlockRuns.Listener listener) {
        if (!volume.beginQuestion()) {
            listener.onRuns(Status.BUSY, null);
            return;
        }
        BooleanSupplier goesOn = () -> isWanted.getAsBoolean() && !volume.isClosed();
        parts.pool().execute(() -> {
            // Nothing is allocated before: those who asked may be gone, and the disk may hang.
            BlockRuns runs = goesOn.getAsBoolean() ? new BlockRuns(runsMax) : null;
            Status status = runs == null ? Status.UNAVAILABLE : findRuns(offsetBytes, lengthBytes, runs, goesOn);
            volume.endQuestion();
            loop.execute(() -> listener.onRuns(status, runs));
        });
    }

    private Status findRuns(long offsetBytes, long lengthBytes, BlockRuns runs, BooleanSupplier goesOn) {
        IoContext onThread = parts.contexts().take();
        try {
            return new BlockStatusQuery(parts).run(offsetBytes, lengthBytes, runs, goesOn, onThread);
        } catch (RuntimeException e) {
            LOG.error("the status of {} bytes at {} failed", lengthBytes, offsetBytes, e);
            return Status.INTERNAL;
        } finally {
            parts.contexts().giveBack(onThread);
        }
    }

    private StoreOp take() {
        StoreOp op = free;
        if (op == null) {
            return new StoreOp(this);
        }
        free = op.next;
        op.next = null;
        return op;
    }

    private void giveBack(StoreOp op) {
        op.request = null;
        op.parent = null;
        op.next = free;
        free = op;
    }

    @Override
    public void endBatch() {}

    /** Flushes that wait for the settling after a crash have begun nothing. */
    @Override
    public void callOff(Status status) {
        volume.recovery().callOff(this, status);
    }

    /** Ends an operation that has begun nothing. Any thread. */
    void endUnbegun(StoreOp op, Status status) {
        op.status = status;
        op.step = Step.COMPLETE;
        wake(op);
    }

    /** Ends the queue; what is in flight is still completed, on the loop. */
    @Override
    public void close() {}
}
