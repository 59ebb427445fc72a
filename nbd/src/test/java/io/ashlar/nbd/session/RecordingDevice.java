package io.ashlar.nbd.session;

import io.ashlar.base.block.BlockGeometry;
import io.ashlar.base.block.BlockQueue;
import io.ashlar.base.block.BlockRequest;
import io.ashlar.base.block.MemoryBlockDevice;
import io.ashlar.base.block.Operation;
import io.ashlar.base.loop.Loop;
import java.util.ArrayList;
import java.util.List;

/**
 * A memory device that writes down what reaches it, and what a flush covers: what had been written when it came. It can
 * hold flushes back.
 */
final class RecordingDevice extends MemoryBlockDevice {
    private final List<Seen> seen = new ArrayList<>();
    private final List<Runnable> heldFlushes = new ArrayList<>();
    private final byte[] flushed;
    private boolean holdsFlushes;

    /** A request as it came. */
    record Seen(String loop, Operation operation, long offset, long length, boolean fua, boolean unmap) {}

    RecordingDevice(int sizeBytes, int blockBytes) {
        super(new BlockGeometry(sizeBytes, blockBytes, false));
        flushed = new byte[sizeBytes];
    }

    /** Returns what has come so far. */
    synchronized List<Seen> seen() {
        return List.copyOf(seen);
    }

    /** Returns a byte as the latest flush found it. */
    synchronized byte flushed(int offset) {
        return flushed[offset];
    }

    /** Has flushes wait from now on. */
    synchronized void holdFlushes() {
        holdsFlushes = true;
    }

    /** Ends that, and the flushes that have come meanwhile. */
    void letFlushesGo() {
        List<Runnable> held;
        synchronized (this) {
            holdsFlushes = false;
            held = List.copyOf(heldFlushes);
        }
        held.forEach(Runnable::run);
    }

    @Override
    public BlockQueue openQueue(Loop loop, Runnable completionsEnded) {
        BlockQueue below = super.openQueue(loop, completionsEnded);
        return new BlockQueue() {
            @Override
            public void submit(BlockRequest request) {
                if (note(request, loop, () -> end(request))) {
                    below.submit(request);
                }
            }

            private void end(BlockRequest request) {
                loop.execute(() -> {
                    below.submit(request);
                    completionsEnded.run();
                });
            }

            @Override
            public void endBatch() {}

            @Override
            public void close() {}
        };
    }

    /** Returns whether it may be executed now; otherwise the action does so later. */
    private synchronized boolean note(BlockRequest request, Loop loop, Runnable later) {
        seen.add(new Seen(
                loop.name(),
                request.operation(),
                request.offsetBytes(),
                request.lengthBytes(),
                request.has(BlockRequest.FUA),
                request.has(BlockRequest.UNMAP)));
        if (request.operation() == Operation.FLUSH) {
            bytes().getBytes(0, flushed);
            if (holdsFlushes) {
                heldFlushes.add(later);
                return false;
            }
        }
        return true;
    }
}
