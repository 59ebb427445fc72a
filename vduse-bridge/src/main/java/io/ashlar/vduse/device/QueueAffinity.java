package io.ashlar.vduse.device;

import java.io.IOException;
import java.nio.file.Path;
import java.util.BitSet;

/** The CPUs on which the kernel runs a virtqueue's completion callbacks: {@code /sys/class/vduse/DEV/vqI/irq_cb_affinity}. */
public interface QueueAffinity {
    /** Reads the mask of a queue. */
    BitSet read(int queue) throws IOException;

    /** Writes the mask of a queue. */
    void write(int queue, BitSet cpus) throws IOException;

    /** Returns the file to watch for changes by others, or null if there is none. */
    Path file(int queue);
}
