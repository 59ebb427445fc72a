package io.ashlar.base.block;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.status.Status;

/**
 * One request to a {@link BlockQueue}. Preallocated per slot and reused; the submitter fills it in, {@code submit}
 * hands it to the queue, and {@link #complete} hands it back, exactly once, on the same loop (possibly before
 * {@code submit} has returned). While the queue has it, the submitter changes neither it nor its memory.
 *
 * <p>Data requests (read, write) carry {@link #data()} of exactly {@link #lengthBytes()}. Where {@link #checksums()} is
 * given there is one CRC32C for each 4 KiB block touched (a first or last piece that covers a block only partly has a
 * checksum of its own bytes): a write brings them, verified by whoever stores the data; a block-aligned read gets those
 * stored at rest, verified by the reader. Without them the device computes and verifies.
 */
@ConfinedTo(LoopKind.DATA)
public abstract class BlockRequest {
    /** Flag: durable before the completion (virtio and NBD: force unit access). */
    public static final int FUA = 1;
    /** Flag of {@link Operation#WRITE_ZEROES}: the range may be deallocated. */
    public static final int UNMAP = 2;

    /** The next request of a {@link RequestList}; belongs to whoever has the request. */
    BlockRequest next;

    private Operation operation = Operation.FLUSH;
    private long offsetBytes;
    private long lengthBytes;
    private int flags;
    private long submittedNs;
    private ScatterList data;
    private ChecksumList checksums;

    /** Makes this a read into, or a write from, the given memory. */
    public final void setData(Operation newOperation, long newOffsetBytes, ScatterList newData, int newFlags) {
        set(newOperation, newOffsetBytes, newData.lengthBytes(), newFlags);
        data = newData;
    }

    /** Makes this a write-zeroes, discard or flush; a flush has offset and length 0. */
    public final void set(Operation newOperation, long newOffsetBytes, long newLengthBytes, int newFlags) {
        operation = newOperation;
        offsetBytes = newOffsetBytes;
        lengthBytes = newLengthBytes;
        flags = newFlags;
        data = null;
        checksums = null;
    }

    /** Attaches the per-block checksums; borrowed like the memory. */
    public final void setChecksums(ChecksumList list) {
        checksums = list;
    }

    /** Returns what is asked. */
    public final Operation operation() {
        return operation;
    }

    /** Returns the first byte of the range, from the start of the volume. */
    public final long offsetBytes() {
        return offsetBytes;
    }

    /** Returns the length of the range in bytes. */
    public final long lengthBytes() {
        return lengthBytes;
    }

    /** Returns the first byte behind the range. */
    public final long endBytes() {
        return offsetBytes + lengthBytes;
    }

    /** Returns whether the flag is set. */
    public final boolean has(int flag) {
        return (flags & flag) != 0;
    }

    /** Returns the flags, a set of {@link #FUA} and {@link #UNMAP}. */
    public final int flags() {
        return flags;
    }

    /** Returns the memory of a read or write, else null. */
    public final ScatterList data() {
        return data;
    }

    /** Returns the checksums that travel with the data, or null. */
    public final ChecksumList checksums() {
        return checksums;
    }

    /** Notes when it was submitted; a part has the time of the request that it was cut from. */
    public final void submittedAt(long timeNs) {
        submittedNs = timeNs;
    }

    /** Returns when it was submitted, as far as a queue has noted it, in that queue's time. */
    public final long submittedNs() {
        return submittedNs;
    }

    /** Hands the request back with its outcome. Called by the queue that has it, on that queue's loop. */
    public final void complete(Status status) {
        onComplete(status);
    }

    /** Takes the request back: the submitter's part. */
    protected abstract void onComplete(Status status);
}
