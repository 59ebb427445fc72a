package io.ashlar.store.crash;

import io.ashlar.base.block.BlockRequest;
import io.ashlar.base.block.Operation;
import io.ashlar.base.block.ScatterList;
import io.ashlar.base.status.Status;
import io.ashlar.store.file.Scratch;
import io.netty.buffer.ByteBuf;
import java.util.ArrayDeque;
import java.util.Queue;
import java.util.function.Consumer;

/** A request whose data are sectors filled with one number each. */
final class SectorRequest extends BlockRequest {
    private static final int SECTOR_BYTES = 512;
    private static final int BYTES_MAX = 64 * 1024;
    private static final Queue<ByteBuf> FREE = new ArrayDeque<>();

    private ByteBuf memory;
    private Consumer<SectorRequest> listener;
    private Status status;

    /** A read or write of {@code sectors} sectors from {@code first}; a write stores {@code value} in each. */
    static SectorRequest data(Operation operation, long first, int sectors, int value, int flags) {
        SectorRequest request = new SectorRequest();
        ByteBuf free = FREE.poll();
        request.memory = free == null ? Scratch.allocate(BYTES_MAX) : free;
        for (int i = 0; i < sectors * SECTOR_BYTES; i += 4) {
            request.memory.setIntLE(i, operation == Operation.READ ? -1 : value);
        }
        ScatterList list = new ScatterList(2);
        int half = sectors / 2 * SECTOR_BYTES;
        if (half > 0) {
            list.add(request.memory, 0, half);
        }
        list.add(request.memory, half, sectors * SECTOR_BYTES - half);
        request.setData(operation, first * SECTOR_BYTES, list, flags);
        return request;
    }

    /** A request without data. */
    static SectorRequest of(Operation operation, long first, int sectors, int flags) {
        SectorRequest request = new SectorRequest();
        request.set(operation, first * SECTOR_BYTES, (long) sectors * SECTOR_BYTES, flags);
        return request;
    }

    /** Sets who is told of the end. */
    SectorRequest onEnd(Consumer<SectorRequest> newListener) {
        listener = newListener;
        return this;
    }

    @Override
    protected void onComplete(Status outcome) {
        if (status != null) {
            throw new AssertionError("completed twice");
        }
        status = outcome;
        if (listener != null) {
            listener.accept(this);
        }
        if (memory != null && operation() == Operation.WRITE) {
            FREE.add(memory);
            memory = null;
        }
    }

    Status status() {
        return status;
    }

    /** Returns the value of a sector that was read; -1 if it is not one value all through. */
    int sector(int i) {
        int value = memory.getIntLE(i * SECTOR_BYTES);
        for (int k = 4; k < SECTOR_BYTES; k += 4) {
            if (memory.getIntLE(i * SECTOR_BYTES + k) != value) {
                return -1;
            }
        }
        return value;
    }

    /** Gives the memory of a read back. */
    void free() {
        FREE.add(memory);
        memory = null;
    }
}
