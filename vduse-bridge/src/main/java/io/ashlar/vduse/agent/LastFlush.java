package io.ashlar.vduse.agent;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.block.BlockDevice;
import io.ashlar.base.block.BlockQueue;
import io.ashlar.base.block.BlockRequest;
import io.ashlar.base.block.Operation;
import io.ashlar.base.net.EpollLoop;
import io.ashlar.base.status.Status;
import java.util.function.Consumer;

/**
 * A flush of a volume after its devices' last request: if it succeeds, nothing that was acknowledged depends on the node's
 * machine any more. Runs on one of the data loops.
 */
@ConfinedTo(LoopKind.DATA)
final class LastFlush extends BlockRequest {
    private final EpollLoop loop;
    private final Consumer<Status> whenEnded;
    private BlockQueue queue;

    private LastFlush(EpollLoop loop, Consumer<Status> whenEnded) {
        this.loop = loop;
        this.whenEnded = whenEnded;
    }

    /**
     * Flushes; any thread may call.
     *
     * @param whenEnded gets the outcome on the loop; not while the node is away and the volume waits for it
     */
    static void submit(BlockDevice device, EpollLoop loop, Consumer<Status> whenEnded) {
        LastFlush flush = new LastFlush(loop, whenEnded);
        loop.execute(() -> flush.start(device));
    }

    private void start(BlockDevice device) {
        queue = device.openQueue(loop, () -> {});
        set(Operation.FLUSH, 0, 0, 0);
        queue.submit(this);
        queue.endBatch();
    }

    @Override
    protected void onComplete(Status status) {
        loop.execute(queue::close); // not from within its own completion
        whenEnded.accept(status);
    }
}
