package io.ashlar.vduse.device;

import com.google.errorprone.annotations.Immutable;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;

/**
 * {@code /sys/class/vduse/NAME}: attributes of one device. {@code bounce_size} (bytes) can be written only before the
 * device is attached for the first time, {@code msg_timeout} (seconds) and the affinity masks at any time.
 */
@Immutable
@SuppressWarnings("Immutable") // Path is immutable, though Error Prone does not know it.
public final class VduseSysfs implements QueueAffinity {
    private static final Path CLASS = Path.of("/sys/class/vduse");

    private final Path folder;

    /** Creates one for the device of that name. */
    public VduseSysfs(String name) {
        folder = CLASS.resolve(name);
    }

    /** Returns the names of all devices whose name starts with our prefix. */
    public static List<String> ownDevices() throws IOException {
        List<String> names = new ArrayList<>();
        if (Files.isDirectory(CLASS)) {
            try (DirectoryStream<Path> all = Files.newDirectoryStream(CLASS, DeviceShape.NAME_PREFIX + "*")) {
                all.forEach(path -> names.add(path.getFileName().toString()));
            }
        }
        return names;
    }

    /** Returns whether the kernel has no such device; false too where it does not show its devices. */
    public boolean isGone() {
        return Files.isDirectory(CLASS.getParent()) && !Files.exists(folder);
    }

    /** Sets the size of the bounce window in bytes. */
    public void bounceSize(long bytes) throws IOException {
        write(folder.resolve("bounce_size"), Long.toString(bytes));
    }

    /** Returns the size of the bounce window in bytes. */
    public long bounceSize() throws IOException {
        return Long.parseLong(Files.readString(folder.resolve("bounce_size")).trim());
    }

    /** Sets how long the kernel waits for the answer to a control message before it gives the device up, in seconds. */
    public void messageTimeout(long seconds) throws IOException {
        write(folder.resolve("msg_timeout"), Long.toString(seconds));
    }

    /** Returns how many virtqueues the device was created with. */
    public int queueCount() throws IOException {
        int count = 0;
        try (DirectoryStream<Path> queues = Files.newDirectoryStream(folder, "vq*")) {
            for (Path queue : queues) {
                count += Files.isDirectory(queue) ? 1 : 0;
            }
        }
        return count;
    }

    @Override
    public Path file(int queue) {
        return folder.resolve("vq" + queue).resolve("irq_cb_affinity");
    }

    @Override
    public BitSet read(int queue) throws IOException {
        try {
            return CpuMask.parse(Files.readString(file(queue)));
        } catch (IllegalArgumentException e) {
            throw new IOException("can't understand " + file(queue), e);
        }
    }

    @Override
    public void write(int queue, BitSet cpus) throws IOException {
        write(file(queue), CpuMask.format(cpus));
    }

    private static void write(Path file, String text) throws IOException {
        try {
            Files.writeString(file, text);
        } catch (IOException e) {
            throw new IOException("can't write " + text + " to " + file + ": " + e.getMessage(), e);
        }
    }
}
