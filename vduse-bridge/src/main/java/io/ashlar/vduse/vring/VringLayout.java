package io.ashlar.vduse.vring;

/**
 * Where the three parts of a split virtqueue lie, in addresses of the driver (virtio 1.2, 2.7). Their sizes follow from
 * the number of entries (virtio 1.2, 2.7.2): 16·n, 6 + 2·n and 6 + 8·n bytes.
 *
 * @param size entries of each ring: a power of two, 1 to 32768
 * @param descriptorIova address of the descriptor table
 * @param availIova address of the available ring (the driver area)
 * @param usedIova address of the used ring (the device area)
 */
public record VringLayout(int size, long descriptorIova, long availIova, long usedIova) {
    /** Largest queue (virtio 1.2, 2.7). */
    public static final int SIZE_MAX = 32768;

    /** Checks the size; the addresses are checked against the memory when the queue is opened. */
    public VringLayout {
        if (size < 1 || size > SIZE_MAX || Integer.bitCount(size) != 1) {
            throw new IllegalArgumentException("queue size " + size + " is not a power of two from 1 to " + SIZE_MAX);
        }
    }

    /** Returns the bytes of the descriptor table. */
    public int descriptorBytes() {
        return DescriptorTable.ENTRY_BYTES * size;
    }

    /** Returns the bytes of the available ring, used_event included. */
    public int availBytes() {
        return 6 + 2 * size;
    }

    /** Returns the bytes of the used ring, avail_event included. */
    public int usedBytes() {
        return 6 + 8 * size;
    }
}
