package io.ashlar.store;

import io.ashlar.base.block.BlockRequest;
import io.ashlar.base.block.BlockRuns;
import io.ashlar.base.block.ChecksumList;
import io.ashlar.base.block.Operation;
import io.ashlar.base.block.ScatterList;
import io.ashlar.base.loop.PolledLoop;
import io.ashlar.base.status.Status;
import io.ashlar.store.file.Scratch;
import io.ashlar.store.volume.StoredQueue;
import io.ashlar.store.volume.StoredVolume;
import io.netty.buffer.ByteBuf;
import java.util.Arrays;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;

/** Runs one request at a time against a volume, on the calling thread. */
public final class VolumeClient implements AutoCloseable {
    private static final int RUNS_MAX = 1024;

    private final PolledLoop loop = new PolledLoop();
    private final StoredQueue queue;

    /** Opens a queue of the volume. */
    public VolumeClient(StoredVolume volume) {
        queue = volume.openQueue(loop, () -> {});
    }

    /** A request with memory of its own. */
    private static final class Request extends BlockRequest {
        private final ByteBuf memory;
        private Status status;

        Request(int bytes) {
            memory = Scratch.allocate(bytes);
        }

        @Override
        protected void onComplete(Status outcome) {
            status = outcome;
        }
    }

    private Status run(Request request) {
        queue.submit(request);
        queue.endBatch();
        return await(() -> request.status, request.operation() + " at " + request.offsetBytes());
    }

    private Status await(Supplier<Status> outcome, String what) {
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(60);
        while (outcome.get() == null) {
            loop.poll();
            if (System.nanoTime() > end) {
                throw new AssertionError(what + " is lost");
            }
            LockSupport.parkNanos(1_000);
        }
        return outcome.get();
    }

    private static Request data(Operation operation, long offset, byte[] bytes, int flags) {
        Request request = new Request(bytes.length);
        request.memory.setBytes(0, bytes);
        ScatterList list = new ScatterList(1);
        list.add(request.memory, 0, bytes.length);
        request.setData(operation, offset, list, flags);
        return request;
    }

    /** Writes, and returns the outcome. */
    public Status write(long offset, byte[] bytes, int flags) {
        return run(data(Operation.WRITE, offset, bytes, flags));
    }

    /** Writes {@code length} bytes of one value. */
    public Status fill(long offset, int length, int value) {
        byte[] bytes = new byte[length];
        Arrays.fill(bytes, (byte) value);
        return write(offset, bytes, 0);
    }

    /** Writes one block that brings a checksum. */
    public Status writeWithChecksum(long offset, byte[] block, int checksum) {
        Request request = data(Operation.WRITE, offset, block, 0);
        ChecksumList sums = new ChecksumList(1);
        sums.resize(1);
        sums.set(0, checksum);
        request.setChecksums(sums);
        return run(request);
    }

    /** Reads into the bytes, and returns the outcome. */
    public Status read(long offset, byte[] into) {
        Request request = data(Operation.READ, offset, into, 0);
        Status status = run(request);
        request.memory.getBytes(0, into);
        return status;
    }

    /** Runs a request without data. */
    public Status run(Operation operation, long offset, long length, int flags) {
        Request request = new Request(1);
        request.set(operation, offset, length, flags);
        return run(request);
    }

    /** Flushes. */
    public Status flush() {
        return run(Operation.FLUSH, 0, 0, 0);
    }

    /** Asks what a range holds. */
    public Status blockStatus(long offset, long length, BlockRuns runs) {
        return blockStatus(offset, length, runs, () -> true);
    }

    /** Asks what a range holds, as long as that is wanted. */
    public Status blockStatus(long offset, long length, BlockRuns runs, BooleanSupplier isWanted) {
        AtomicReference<Status> answer = new AtomicReference<>();
        queue.blockStatus(offset, length, RUNS_MAX, isWanted, (status, found) -> {
            runs.clear();
            int i = 0;
            while (found != null && i < found.count() && runs.add(found.kind(i), found.lengthBytes(i))) {
                i++;
            }
            answer.set(status);
        });
        return await(answer::get, "the status at " + offset);
    }

    /** Returns the loop, for tests that submit themselves. */
    public PolledLoop loop() {
        return loop;
    }

    /** Returns the queue, for tests that submit themselves. */
    public StoredQueue queue() {
        return queue;
    }

    @Override
    public void close() {
        queue.close();
    }
}
