package io.ashlar.lab.powerloss;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Random;

/**
 * Replays a log into an image, entry by entry, and writes out copies of it as power losses would have left them. Images are
 * sparse files, best in memory; the replayed one is never mounted, its copies are.
 */
@ConfinedTo(LoopKind.OWNER)
final class CrashedDisk implements AutoCloseable {
    /** What the disk writes whole; ext4's block. */
    private static final int PIECE_BYTES = 4096;

    private final WriteLog log;
    private final Path replayed;
    private final Path copy;
    private final FileChannel channel;
    private final ByteBuffer buffer = ByteBuffer.allocateDirect(1 << 20);
    private int next;

    /** Starts with an empty disk. */
    CrashedDisk(WriteLog log, long sizeBytes, Path folder) throws IOException {
        this.log = log;
        replayed = folder.resolve("replayed.img");
        copy = folder.resolve("crashed.img");
        Files.deleteIfExists(replayed);
        channel = FileChannel.open(
                replayed, StandardOpenOption.CREATE_NEW, StandardOpenOption.READ, StandardOpenOption.WRITE);
        channel.write(ByteBuffer.allocate(1), sizeBytes - 1);
    }

    /** Replays everything up to and with an entry. */
    void replayTo(int entry) throws IOException {
        for (; next <= entry; next++) {
            WriteLog.Entry each = log.entries().get(next);
            apply(each, 0, each.length(), channel);
        }
    }

    /** Returns a copy of what was replayed. */
    Path copy() throws IOException, InterruptedException {
        Shell.run("cp", "--sparse=always", replayed.toString(), copy.toString());
        return copy;
    }

    /**
     * Returns a copy on which the disk's cache had also written out some of what follows, up to and with an entry before
     * the next flush: every FUA write, and of the others a random choice of blocks.
     */
    Path copyWithSomeOf(int last, Random random) throws IOException, InterruptedException {
        copy();
        int percent = 5 + random.nextInt(91);
        try (FileChannel crashed = FileChannel.open(copy, StandardOpenOption.WRITE)) {
            for (int i = next; i <= last; i++) {
                WriteLog.Entry entry = log.entries().get(i);
                for (long from = 0; from < entry.length(); ) {
                    long rest =
                            entry.isDiscard() ? entry.length() : PIECE_BYTES - (entry.offset() + from) % PIECE_BYTES;
                    long length = Math.min(rest, entry.length() - from);
                    if (entry.isPoint() || random.nextInt(100) < percent) {
                        apply(entry, from, length, crashed);
                    }
                    from += length;
                }
            }
        }
        return copy;
    }

    private void apply(WriteLog.Entry entry, long from, long length, FileChannel target) throws IOException {
        for (long done = 0; done < length; ) {
            int part = (int) Math.min(buffer.capacity(), length - done);
            buffer.clear().limit(part);
            if (entry.isDiscard()) {
                while (buffer.remaining() >= Long.BYTES) {
                    buffer.putLong(0);
                }
                buffer.position(part);
            } else {
                log.read(entry, from + done, buffer);
            }
            buffer.flip();
            long at = entry.offset() + from + done;
            while (buffer.hasRemaining()) {
                at += target.write(buffer, at);
            }
            done += part;
        }
    }

    @Override
    public void close() throws IOException {
        channel.close();
        Files.deleteIfExists(replayed);
        Files.deleteIfExists(copy);
    }
}
