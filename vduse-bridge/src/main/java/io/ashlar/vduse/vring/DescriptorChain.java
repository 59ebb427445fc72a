package io.ashlar.vduse.vring;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.block.ScatterList;

/**
 * A private copy of the descriptors of one chain: first those the device may read, then those it may write (virtio 1.2,
 * 2.7.4.2), still in addresses of the driver. Nothing looks at the shared descriptors again after the copy, so a driver that
 * changes them meanwhile changes nothing. Allocated once per queue, refilled by {@link SplitVirtqueue#pop}.
 */
@ConfinedTo(LoopKind.DATA)
public final class DescriptorChain {
    private final long[] addresses;
    private final long[] lengthsBytes;
    private int head;
    private int count;
    private int readableCount;
    private long readableBytes;
    private long writableBytes;

    /** Creates an empty chain with room for this many descriptors. */
    public DescriptorChain(int descriptorsMax) {
        addresses = new long[descriptorsMax];
        lengthsBytes = new long[descriptorsMax];
    }

    void reset(int newHead) {
        head = newHead;
        count = 0;
        readableCount = 0;
        readableBytes = 0;
        writableBytes = 0;
    }

    /** Appends a descriptor; returns null, or what is wrong with it. */
    VringFault add(long address, long lengthBytes, boolean writable) {
        if (count == addresses.length) {
            return VringFault.CHAIN_TOO_LONG;
        }
        addresses[count] = address;
        lengthsBytes[count] = lengthBytes;
        count++;
        if (writable) {
            writableBytes += lengthBytes;
            return null;
        }
        readableCount++;
        readableBytes += lengthBytes;
        return readableCount == count ? null : VringFault.READABLE_AFTER_WRITABLE;
    }

    /** Returns the most descriptors that fit. */
    public int descriptorsMax() {
        return addresses.length;
    }

    /** Returns the index of the first descriptor: the name by which the chain is handed back. */
    public int head() {
        return head;
    }

    /** Returns the number of descriptors; the first {@link #readableCount()} are device-readable. */
    public int count() {
        return count;
    }

    /** Returns the number of device-readable descriptors. */
    public int readableCount() {
        return readableCount;
    }

    /** Returns the bytes that the device may read; at most the number of descriptors times 4 GiB. */
    public long readableBytes() {
        return readableBytes;
    }

    /** Returns the bytes that the device may write; at most the number of descriptors times 4 GiB. */
    public long writableBytes() {
        return writableBytes;
    }

    /** Returns the driver's address of descriptor {@code i}. */
    public long address(int i) {
        return addresses[i];
    }

    /** Returns the length of descriptor {@code i} in bytes, 0 to 2^32 - 1. */
    public long lengthBytes(int i) {
        return lengthsBytes[i];
    }

    /**
     * Appends the memory of a range of the chain's readable or writable bytes, wherever its descriptors are split.
     *
     * @param writable which part is meant
     * @param from first byte of the part; {@code from + length} lies inside it
     * @return false if an address is not mapped so, or {@code out} is full ({@link ScatterList#isFull()} tells which)
     */
    public boolean gather(boolean writable, long from, long length, MemoryMap memory, ScatterList out) {
        int i = writable ? readableCount : 0;
        long skip = from;
        long left = length;
        for (; left > 0; i++) {
            long available = lengthsBytes[i] - skip;
            if (available <= 0) {
                skip = -available;
                continue;
            }
            long piece = Math.min(available, left);
            if (!memory.resolve(addresses[i] + skip, piece, writable, out)) {
                return false;
            }
            left -= piece;
            skip = 0;
        }
        return true;
    }
}
