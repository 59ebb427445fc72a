package io.ashlar.lab.powerloss;

import static io.ashlar.lab.powerloss.DiskModel.SECTOR_BYTES;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.block.BlockRequest;
import io.ashlar.base.block.Operation;
import io.ashlar.base.block.ScatterList;
import io.ashlar.base.status.Status;
import io.ashlar.store.file.Scratch;
import io.netty.buffer.ByteBuf;
import java.util.function.Consumer;

/** A request whose sectors say which they are and which write they come from: both numbers, 64 times in each sector. */
@ConfinedTo(LoopKind.OWNER)
final class SectorRequest extends BlockRequest {
    private final ByteBuf memory;
    private final Consumer<SectorRequest> onEnd;
    private Status status;

    private SectorRequest(ByteBuf memory, Consumer<SectorRequest> onEnd) {
        this.memory = memory;
        this.onEnd = onEnd;
    }

    /** A write of {@code value} to sectors of the volume. */
    static SectorRequest write(long first, int sectors, int value, int flags, Consumer<SectorRequest> onEnd) {
        ByteBuf memory = Scratch.allocate(sectors * SECTOR_BYTES);
        for (int i = 0; i < memory.capacity(); i += Long.BYTES) {
            memory.setLongLE(i, (first + i / SECTOR_BYTES) << 32 | value);
        }
        return new SectorRequest(memory, onEnd).withData(Operation.WRITE, first, sectors, flags);
    }

    /** A read of sectors of the volume. */
    static SectorRequest read(long first, int sectors, Consumer<SectorRequest> onEnd) {
        ByteBuf memory = Scratch.allocate(sectors * SECTOR_BYTES);
        return new SectorRequest(memory, onEnd).withData(Operation.READ, first, sectors, 0);
    }

    /** A request without data. */
    static SectorRequest of(Operation operation, long first, int sectors, int flags, Consumer<SectorRequest> onEnd) {
        SectorRequest request = new SectorRequest(null, onEnd);
        request.set(operation, first * SECTOR_BYTES, (long) sectors * SECTOR_BYTES, flags);
        return request;
    }

    private SectorRequest withData(Operation operation, long first, int sectors, int flags) {
        ScatterList list = new ScatterList(1);
        list.add(memory, 0, sectors * SECTOR_BYTES);
        setData(operation, first * SECTOR_BYTES, list, flags);
        return this;
    }

    @Override
    protected void onComplete(Status outcome) {
        status = outcome;
        onEnd.accept(this);
    }

    /** Returns the outcome, or null before the end. */
    Status status() {
        return status;
    }

    /** Returns the numbers of the writes that a block that was read comes from; -1 for a sector that is none of ours. */
    int[] block(int index) {
        int[] values = new int[DiskModel.SECTORS];
        for (int i = 0; i < values.length; i++) {
            values[i] = sector(index * DiskModel.SECTORS + i);
        }
        return values;
    }

    private int sector(int index) {
        int at = index * SECTOR_BYTES;
        long content = memory.getLongLE(at);
        for (int k = Long.BYTES; k < SECTOR_BYTES; k += Long.BYTES) {
            if (memory.getLongLE(at + k) != content) {
                return -1;
            }
        }
        boolean isOurs = content == 0 || content >>> 32 == offsetBytes() / SECTOR_BYTES + index;
        return isOurs ? (int) content : -1;
    }
}
