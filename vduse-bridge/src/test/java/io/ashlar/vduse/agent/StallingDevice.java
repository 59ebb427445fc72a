package io.ashlar.vduse.agent;

import io.ashlar.base.block.BlockDevice;
import io.ashlar.base.block.BlockGeometry;
import io.ashlar.base.block.BlockQueue;
import io.ashlar.base.block.BlockRequest;
import io.ashlar.base.block.RequestList;
import io.ashlar.base.loop.Loop;
import io.ashlar.base.status.Status;
import java.nio.file.Files;
import java.nio.file.Path;

/** A volume that answers nothing while a file exists, as one whose node is away; closing a queue ends its requests with an error. */
final class StallingDevice implements BlockDevice {
    private final BlockDevice volume;
    private final Path stallFile;

    StallingDevice(BlockDevice volume, Path stallFile) {
        this.volume = volume;
        this.stallFile = stallFile;
    }

    @Override
    public BlockGeometry geometry() {
        return volume.geometry();
    }

    @Override
    public BlockQueue openQueue(Loop loop, Runnable completionsEnded) {
        return new Queue(loop, volume.openQueue(loop, completionsEnded), completionsEnded);
    }

    @Override
    public void onGeometryChange(Runnable listener) {
        volume.onGeometryChange(listener);
    }

    @Override
    public void close() {
        volume.close();
    }

    private final class Queue implements BlockQueue {
        private final Loop loop;
        private final BlockQueue queue;
        private final Runnable completionsEnded;
        private final RequestList waiting = new RequestList();
        private boolean closed;

        private Queue(Loop loop, BlockQueue queue, Runnable completionsEnded) {
            this.loop = loop;
            this.queue = queue;
            this.completionsEnded = completionsEnded;
        }

        @Override
        public void submit(BlockRequest request) {
            if (waiting.isEmpty() && !Files.exists(stallFile)) {
                queue.submit(request);
                return;
            }
            if (waiting.isEmpty()) {
                loop.schedule(this::look, 10_000_000);
            }
            waiting.add(request);
        }

        private void look() {
            if (closed) {
                return;
            }
            if (Files.exists(stallFile)) {
                loop.schedule(this::look, 10_000_000);
                return;
            }
            for (BlockRequest request = waiting.poll(); request != null; request = waiting.poll()) {
                queue.submit(request);
            }
            completionsEnded.run();
        }

        @Override
        public void endBatch() {
            queue.endBatch();
        }

        @Override
        public void close() {
            closed = true;
            for (BlockRequest request = waiting.poll(); request != null; request = waiting.poll()) {
                request.complete(Status.IO_ERROR);
            }
            queue.close();
        }
    }
}
