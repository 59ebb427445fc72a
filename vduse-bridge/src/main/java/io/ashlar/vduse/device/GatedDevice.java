package io.ashlar.vduse.device;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import io.ashlar.base.annotation.ThreadSafe;
import io.ashlar.base.block.BlockDevice;
import io.ashlar.base.block.BlockGeometry;
import io.ashlar.base.block.BlockQueue;
import io.ashlar.base.block.BlockRequest;
import io.ashlar.base.loop.Loop;
import io.ashlar.base.status.Status;
import java.util.ArrayList;
import java.util.List;

/**
 * A volume that can be given up: from {@link #fail()} on every request ends with an error, those in flight too, as soon
 * as the volume can end them without risk (see {@link BlockQueue#close()}). It is how a device gets off the bus while
 * its node is away, since the kernel waits for all its I/O first.
 */
@ThreadSafe
public final class GatedDevice implements BlockDevice {
    private final BlockDevice volume;

    @GuardedBy("this")
    private final List<GatedQueue> queues = new ArrayList<>();

    @GuardedBy("this")
    private boolean failed;

    /** Creates an open gate. */
    public GatedDevice(BlockDevice volume) {
        this.volume = volume;
    }

    @Override
    public BlockGeometry geometry() {
        return volume.geometry();
    }

    @Override
    public BlockQueue openQueue(Loop loop, Runnable completionsEnded) {
        GatedQueue queue = new GatedQueue(loop, volume.openQueue(loop, completionsEnded), completionsEnded);
        if (!add(queue)) {
            queue.fail();
        }
        return queue;
    }

    /** Returns whether the volume has not been given up. */
    private synchronized boolean add(GatedQueue queue) {
        queues.add(queue);
        return !failed;
    }

    @Override
    public void onGeometryChange(Runnable listener) {
        volume.onGeometryChange(listener);
    }

    /** Ends everything in flight and to come with an error. */
    public synchronized void fail() {
        failed = true;
        for (GatedQueue queue : queues) {
            queue.loop.execute(queue::fail);
        }
    }

    /** Does nothing: the volume is its opener's. */
    @Override
    public void close() {}

    private synchronized void remove(GatedQueue queue) {
        queues.remove(queue);
    }

    /** One loop's way through the gate. */
    private final class GatedQueue implements BlockQueue {
        private final Loop loop;
        private final BlockQueue queue;
        private final Runnable completionsEnded;
        private boolean ended;

        private GatedQueue(Loop loop, BlockQueue queue, Runnable completionsEnded) {
            this.loop = loop;
            this.queue = queue;
            this.completionsEnded = completionsEnded;
        }

        @Override
        public void submit(BlockRequest request) {
            if (ended) {
                request.complete(Status.IO_ERROR);
            } else {
                queue.submit(request);
            }
        }

        @Override
        public void endBatch() {
            if (!ended) {
                queue.endBatch();
            }
        }

        private void fail() {
            if (!ended) {
                ended = true;
                queue.close();
                completionsEnded.run();
            }
        }

        @Override
        public void close() {
            if (!ended) {
                ended = true;
                queue.close();
            }
            remove(this);
        }
    }
}
