package io.ashlar.vduse.device;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.BitSet;

/**
 * The kernel's list of online CPUs ({@code /sys/devices/system/cpu/online}). It is read for as long as the program runs, so
 * the file stays open, and its text is taken apart only when it has changed.
 */
@ConfinedTo(LoopKind.CONTROL)
final class OnlineCpus implements CpuWatch.Source {
    /** A file in sysfs is a page at most. */
    private static final int TEXT_BYTES_MAX = 4096;

    private final Path file;
    private final ByteBuffer text = ByteBuffer.allocateDirect(TEXT_BYTES_MAX);
    private final ByteBuffer textBefore =
            ByteBuffer.allocateDirect(TEXT_BYTES_MAX).limit(0);
    private FileChannel channel;
    private BitSet online = new BitSet();

    OnlineCpus(Path file) {
        this.file = file;
    }

    @Override
    public BitSet read() throws IOException {
        if (channel == null) {
            channel = FileChannel.open(file);
        }
        channel.read(text.clear(), 0);
        if (!text.flip().equals(textBefore)) {
            BitSet now = CpuMask.parseList(StandardCharsets.US_ASCII
                    .decode(text.duplicate())
                    .toString()
                    .trim());
            textBefore.clear().put(text).flip();
            online = now;
        }
        return online;
    }
}
