package io.ashlar.lab.powerloss;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;

/**
 * Reads what dm-log-writes has logged (Documentation/admin-guide/device-mapper/log-writes.rst of Linux): a sector that
 * describes the log, then a sector for each entry with the entry's data behind it. A write is logged when the flush after
 * it has completed, a FUA write when it has itself; so any log cut off behind a flush or FUA entry is a disk that a power
 * loss can leave, and so is any selection of the plain writes up to the next flush on top of it.
 */
@ConfinedTo(LoopKind.OWNER)
final class WriteLog implements AutoCloseable {
    private static final long MAGIC = 0x6a736677736872L;
    private static final int FLUSH = 1;
    private static final int FUA = 2;
    private static final int DISCARD = 4;
    private static final int MARK = 8;
    private static final int HEADER_BYTES = 32;

    private final FileChannel channel;
    private final int sectorBytes;
    private final List<Entry> entries = new ArrayList<>();

    /**
     * An entry.
     *
     * @param offset first byte on the disk
     * @param length bytes written or discarded
     * @param flags of the log's format
     * @param dataAt where in the log the bytes written are
     * @param mark the number of a mark, else 0
     */
    record Entry(long offset, long length, int flags, long dataAt, int mark) {
        boolean isFlush() {
            return (flags & FLUSH) != 0;
        }

        /** Returns whether it was durable when it had completed. */
        boolean isPoint() {
            return (flags & (FLUSH | FUA)) != 0;
        }

        boolean isDiscard() {
            return (flags & DISCARD) != 0;
        }
    }

    private WriteLog(FileChannel channel, int sectorBytes) {
        this.channel = channel;
        this.sectorBytes = sectorBytes;
    }

    /** Opens a log that nobody writes any more. */
    static WriteLog open(Path device) throws IOException {
        FileChannel channel = FileChannel.open(device, StandardOpenOption.READ);
        ByteBuffer header = ByteBuffer.allocate(HEADER_BYTES).order(ByteOrder.LITTLE_ENDIAN);
        readFully(channel, header, 0);
        if (header.getLong(0) != MAGIC || header.getLong(8) != 1) {
            channel.close();
            throw new IOException(device + " holds no log of dm-log-writes");
        }
        WriteLog log = new WriteLog(channel, header.getInt(24));
        log.readEntries(header.getLong(16));
        return log;
    }

    private void readEntries(long count) throws IOException {
        ByteBuffer sector = ByteBuffer.allocateDirect(sectorBytes).order(ByteOrder.LITTLE_ENDIAN);
        long at = sectorBytes;
        for (long i = 0; i < count; i++) {
            readFully(channel, sector.clear(), at);
            long length = sector.getLong(8) * sectorBytes;
            int flags = (int) sector.getLong(16);
            int mark = (flags & MARK) == 0 ? 0 : markOf(sector, (int) sector.getLong(24));
            entries.add(new Entry(sector.getLong(0) * sectorBytes, length, flags, at + sectorBytes, mark));
            at += sectorBytes + ((flags & DISCARD) == 0 ? length : 0);
        }
    }

    /** Marks of ours are numbers; the kernel adds one with a name at the end. */
    private static int markOf(ByteBuffer sector, int length) {
        byte[] name = new byte[length];
        sector.get(HEADER_BYTES, name);
        String text = new String(name, StandardCharsets.US_ASCII);
        return text.chars().allMatch(Character::isDigit) ? Integer.parseInt(text) : 0;
    }

    List<Entry> entries() {
        return entries;
    }

    /** Reads some of an entry's bytes. */
    void read(Entry entry, long from, ByteBuffer into) throws IOException {
        readFully(channel, into, entry.dataAt() + from);
    }

    private static void readFully(FileChannel channel, ByteBuffer into, long at) throws IOException {
        for (long next = at; into.hasRemaining(); ) {
            int count = channel.read(into, next);
            if (count <= 0) {
                throw new IOException("the log ends at byte " + next);
            }
            next += count;
        }
    }

    @Override
    public void close() throws IOException {
        channel.close();
    }
}
