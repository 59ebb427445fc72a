package io.ashlar.vduse.inflight;

import io.ashlar.base.annotation.ThreadSafe;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/**
 * The log of requests in flight of one device: a file in memory (mode 0600, in a folder of ours) with the
 * {@link DeviceIdentity} and a {@link QueueRegion} for each virtqueue behind it. The header is written once and checksummed;
 * no checksum covers the regions, which change with every request.
 *
 * <p>The file is written out before it is mapped, so that a full file system says so then and does not kill the process with
 * SIGBUS later. The mapping ends with the object; whoever serves a queue holds its region. The list is fixed; what each region
 * holds belongs to the loop that serves the queue, and to the control loop while nobody does.
 */
@ThreadSafe
public final class DeviceLog {
    private static final Set<PosixFilePermission> MODE = PosixFilePermissions.fromString("rw-------");

    private final DeviceIdentity identity;
    private final List<QueueRegion> regions = new ArrayList<>();

    private DeviceLog(DeviceIdentity identity, ByteBuffer memory) {
        this.identity = identity;
        int stride = QueueRegion.bytes(identity.ringSize());
        for (int i = 0; i < identity.queues(); i++) {
            regions.add(new QueueRegion(memory.slice(DeviceIdentity.BYTES + i * stride, stride), identity.ringSize()));
        }
    }

    /** Creates a log that ends with the process, for a device without successor. */
    public static DeviceLog ofThisProcess(DeviceIdentity identity) {
        return new DeviceLog(
                identity,
                ByteBuffer.allocateDirect(bytes(identity) + QueueRegion.ALIGNMENT)
                        .alignedSlice(QueueRegion.ALIGNMENT));
    }

    /** Creates the file of a new device, in place of any older one. */
    public static DeviceLog create(Path file, DeviceIdentity identity) throws IOException {
        Path fresh = file.resolveSibling(file.getFileName() + ".new");
        Files.deleteIfExists(fresh);
        Set<OpenOption> options = Set.of(
                StandardOpenOption.CREATE_NEW,
                StandardOpenOption.READ,
                StandardOpenOption.WRITE,
                LinkOption.NOFOLLOW_LINKS);
        try (FileChannel channel = FileChannel.open(fresh, options, PosixFilePermissions.asFileAttribute(MODE))) {
            ByteBuffer content = ByteBuffer.allocate(bytes(identity)).put(0, identity.toBytes());
            while (content.hasRemaining()) {
                channel.write(content);
            }
            DeviceLog log = map(channel, identity);
            Files.move(fresh, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
            return log;
        }
    }

    /**
     * Opens the file that an earlier process has left.
     *
     * @throws InflightException if there is none, or it can't be trusted
     */
    public static DeviceLog open(Path file) throws IOException {
        Set<OpenOption> options = Set.of(StandardOpenOption.READ, StandardOpenOption.WRITE, LinkOption.NOFOLLOW_LINKS);
        if (!Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS)) {
            throw new InflightException(file + ", the log of its requests in flight, is missing");
        }
        checkOwn(file);
        try (FileChannel channel = FileChannel.open(file, options)) {
            ByteBuffer header = ByteBuffer.allocate(DeviceIdentity.BYTES);
            int read = channel.read(header, 0);
            if (read != DeviceIdentity.BYTES) {
                throw new InflightException("it is too short");
            }
            DeviceIdentity identity = DeviceIdentity.of(header.array());
            if (channel.size() != bytes(identity)) {
                throw new InflightException("it has " + channel.size() + " bytes instead of " + bytes(identity));
            }
            return map(channel, identity);
        } catch (InflightException e) {
            throw new InflightException("can't make sense of " + file + ": " + e.getMessage());
        } catch (NoSuchFileException e) {
            throw new InflightException(file + ", the log of its requests in flight, has gone");
        }
    }

    /** The folder is ours alone, so that nobody can change the file between the look and its use. */
    private static void checkOwn(Path file) throws IOException {
        boolean own = Files.getOwner(file, LinkOption.NOFOLLOW_LINKS).equals(Files.getOwner(Path.of("/proc/self")));
        if (!own || !MODE.containsAll(Files.getPosixFilePermissions(file, LinkOption.NOFOLLOW_LINKS))) {
            throw new InflightException(file + " is not ours alone");
        }
    }

    private static DeviceLog map(FileChannel channel, DeviceIdentity identity) throws IOException {
        return new DeviceLog(identity, channel.map(FileChannel.MapMode.READ_WRITE, 0, bytes(identity)));
    }

    private static int bytes(DeviceIdentity identity) {
        return DeviceIdentity.BYTES + identity.queues() * QueueRegion.bytes(identity.ringSize());
    }

    /** Returns whose log it is. */
    public DeviceIdentity identity() {
        return identity;
    }

    /** Returns a queue's part. */
    public QueueRegion region(int queue) {
        return regions.get(queue);
    }

    /** Returns whether a driver was being served: set by {@link #begin}, cleared by {@link #end}, a single store each. */
    public boolean isServing() {
        return regions.get(0).isValid();
    }

    /**
     * A driver has set its rings up, and nothing has been fetched from them. The first region is the last to become valid.
     *
     * @param ringSizes of each queue that the driver uses, 0 for the others
     */
    public void begin(int[] ringSizes) {
        regions.get(0).invalidate();
        for (int i = regions.size() - 1; i >= 0; i--) {
            regions.get(i).reset(ringSizes[i] == 0 ? identity.ringSize() : ringSizes[i], 0);
        }
    }

    /** The driver has gone, or is about to, and nobody serves its queues any more. */
    public void end() {
        regions.forEach(QueueRegion::invalidate);
    }
}
