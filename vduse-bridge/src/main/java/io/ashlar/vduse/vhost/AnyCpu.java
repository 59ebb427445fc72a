package io.ashlar.vduse.vhost;

import com.google.errorprone.annotations.Immutable;
import io.ashlar.vduse.device.QueueAffinity;
import java.nio.file.Path;
import java.util.BitSet;

/** The affinity of a queue whose driver does not say on which CPU it runs: any loop will do. */
@Immutable
final class AnyCpu implements QueueAffinity {
    static final AnyCpu INSTANCE = new AnyCpu();

    private AnyCpu() {}

    @Override
    public BitSet read(int queue) {
        BitSet all = new BitSet();
        all.set(0, 1024); // as many as an affinity mask of the C library has
        return all;
    }

    /** Does nothing: there is nobody to tell. */
    @Override
    public void write(int queue, BitSet cpus) {}

    @Override
    public Path file(int queue) {
        return null;
    }
}
