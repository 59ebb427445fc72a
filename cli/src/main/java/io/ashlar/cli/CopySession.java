package io.ashlar.cli;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.checksum.Crc32cSum;
import io.ashlar.base.net.EpollLoop;
import io.ashlar.base.net.EpollLoops;
import io.ashlar.base.status.Status;
import io.ashlar.base.text.SizeText;
import io.ashlar.base.time.Clock;
import io.ashlar.client.copy.CopyProgress;
import io.ashlar.client.copy.VolumeCopy;
import io.ashlar.client.session.SessionConfig;
import io.ashlar.client.volume.AccessMode;
import io.ashlar.client.volume.AttachException;
import io.ashlar.client.volume.RemoteVolume;
import io.ashlar.client.volume.VolumeOptions;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.channels.WritableByteChannel;
import java.util.HexFormat;
import java.util.concurrent.TimeUnit;

/** A volume that is copied: attached, and shown how far it is. */
@ConfinedTo(LoopKind.OWNER)
final class CopySession implements AutoCloseable {
    private static final int BAR_CHARS = 20;
    /** A rate of less time than this says nothing. */
    private static final long RATE_AFTER_NS = TimeUnit.SECONDS.toNanos(1);

    private final EpollLoops loops = EpollLoops.floating("copy", 1);
    private final RemoteVolume volume;

    private final long startedNs = Clock.SYSTEM.nowNs();

    /**
     * Opens a volume.
     *
     * @param image what it is copied to or from: tells copies of one host apart, so that a copy that was killed and is
     *     started again takes its volume back
     */
    CopySession(InetSocketAddress node, String name, AccessMode mode, String image) {
        SessionConfig config = SessionConfig.of(node, RemoteVolumes.hostId("-copy-" + image));
        VolumeOptions options =
                new VolumeOptions(config, name, mode, VolumeOptions.REQUESTS_MAX, RemoteVolumes.ATTACH_MS, 0);
        try {
            volume = RemoteVolume.open(options, loops.all().get(0));
        } catch (AttachException e) {
            loops.close();
            throw e.status() == Status.UNAVAILABLE
                    ? Failure.unreachable(e.getMessage(), e)
                    : Failure.failed(e.getMessage(), e);
        }
    }

    long sizeBytes() {
        return volume.geometry().sizeBytes();
    }

    int blockBytes() {
        return volume.geometry().logicalBlockBytes();
    }

    String volumeId() {
        return HexFormat.of().formatHex(volume.volumeId());
    }

    /**
     * Returns a copy that shows its progress and keeps its state, where there is one.
     *
     * @param totalBytes how much there is to copy; 0 when nobody knows
     */
    VolumeCopy copy(ProgressLine line, String verb, long totalBytes, CopyState state) throws IOException {
        CopyProgress progress = (sum, durable) -> {
            line.show(() -> progressText(verb, sum.lengthBytes(), totalBytes, Clock.SYSTEM.nowNs() - startedNs));
            if (durable && state != null) {
                state.write(sum);
            }
        };
        EpollLoop loop = loops.all().get(0);
        return new VolumeCopy(volume, loop, progress);
    }

    /** Returns a line such as {@code exported [####----------------]  21 %, 4.2G of 20G, 310M/s}. */
    static String progressText(String verb, long doneBytes, long totalBytes, long elapsedNs) {
        double seconds = Math.max(1, elapsedNs) / 1e9;
        String rate = elapsedNs < RATE_AFTER_NS ? "" : ", " + SizeText.format((long) (doneBytes / seconds)) + "/s";
        if (totalBytes == 0) {
            return verb + " " + SizeText.format(doneBytes) + rate;
        }
        int filled = (int) (BAR_CHARS * (double) doneBytes / totalBytes);
        String bar = "#".repeat(filled) + "-".repeat(BAR_CHARS - filled);
        return String.format("%s [%s] %3d %%, ", verb, bar, (long) (100.0 * doneBytes / totalBytes))
                + SizeText.format(doneBytes) + " of " + SizeText.format(totalBytes) + rate;
    }

    @Override
    public void close() {
        volume.close();
        loops.close();
    }

    /** Writes to a file, with holes for zeroes, from the start of the volume. */
    static VolumeCopy.Sink toFile(FileChannel file) {
        return new VolumeCopy.Sink() {
            @Override
            public void data(long offset, ByteBuffer bytes) throws IOException {
                long at = offset;
                while (bytes.hasRemaining()) {
                    at += file.write(bytes, at);
                }
            }

            @Override
            public void zeroes(long offset, long length) {
                // The file is made in its full length, as one hole.
            }

            @Override
            public boolean sync() throws IOException {
                file.force(false);
                return true;
            }
        };
    }

    /** Writes to standard output, byte by byte. */
    static VolumeCopy.Sink toStandardOutput() {
        WritableByteChannel out = Channels.newChannel(new FileOutputStream(FileDescriptor.out));
        ByteBuffer zeroes = ByteBuffer.allocateDirect(1 << 20);
        return new VolumeCopy.Sink() {
            @Override
            public void data(long offset, ByteBuffer bytes) throws IOException {
                while (bytes.hasRemaining()) {
                    out.write(bytes);
                }
            }

            @Override
            public void zeroes(long offset, long length) throws IOException {
                for (long left = length; left > 0; ) {
                    zeroes.clear().limit((int) Math.min(left, zeroes.capacity()));
                    left -= zeroes.remaining();
                    data(offset, zeroes);
                }
            }

            @Override
            public boolean sync() {
                return false;
            }
        };
    }

    /** Writes nothing: for reading back. */
    static VolumeCopy.Sink toNowhere() {
        return new VolumeCopy.Sink() {
            @Override
            public void data(long offset, ByteBuffer bytes) {}

            @Override
            public void zeroes(long offset, long length) {}

            @Override
            public boolean sync() {
                return false;
            }
        };
    }

    /** Returns the checksum of the start of the volume, filled up to a whole block, as it is stored now. */
    String checksum(ProgressLine line, long length) throws IOException {
        try (VolumeCopy copy = copy(line, "verified", length, null)) {
            return copy.copyOut(toNowhere(), new Crc32cSum(), length).checksum();
        }
    }
}
