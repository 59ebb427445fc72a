package io.ashlar.vduse.bus;

import com.google.errorprone.annotations.Immutable;
import java.io.IOException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;

/** {@code /sys/bus/vdpa}: which driver has a device, and which block device came of it. */
@Immutable
@SuppressWarnings("Immutable") // Path is immutable, though Error Prone does not know it.
public final class VdpaSysfs {
    private static final String DRIVER = "virtio_vdpa";

    private final Path bus;

    /** Looks below the given root of sysfs, normally {@code /sys}. */
    public VdpaSysfs(Path sysRoot) {
        bus = sysRoot.resolve("bus/vdpa");
    }

    /** Returns whether the device is on the bus. */
    public boolean contains(String name) {
        return Files.exists(bus.resolve("devices").resolve(name));
    }

    /**
     * Gives the device to the virtio driver where another one was faster: vhost_vdpa matches every device too, and the
     * first that binds wins.
     */
    public void bindVirtio(String name) throws IOException {
        Path device = bus.resolve("devices").resolve(name);
        Path driver = device.resolve("driver");
        if (Files.exists(driver)) {
            if (driver.toRealPath().getFileName().toString().equals(DRIVER)) {
                return;
            }
            Files.writeString(device.resolve("driver_override"), DRIVER);
            Files.writeString(driver.resolve("unbind"), name);
        }
        if (!Files.isDirectory(bus.resolve("drivers").resolve(DRIVER))) {
            throw new VdpaException("the module virtio_vdpa is not loaded: 'modprobe virtio_vdpa'", 0);
        }
        if (!Files.exists(driver)) {
            Files.writeString(bus.resolve("drivers_probe"), name);
        }
    }

    /** Returns the name of the device's disk, such as {@code vda}, or null when there is none (yet). */
    public String diskOf(String name) throws IOException {
        Path device = bus.resolve("devices").resolve(name);
        if (!Files.isDirectory(device)) {
            return null;
        }
        try (DirectoryStream<Path> virtios = Files.newDirectoryStream(device, "virtio*")) {
            for (Path virtio : virtios) {
                Path block = virtio.resolve("block");
                if (!Files.isDirectory(block)) {
                    continue;
                }
                try (DirectoryStream<Path> disks = Files.newDirectoryStream(block, "vd*")) {
                    for (Path disk : disks) {
                        return disk.getFileName().toString();
                    }
                }
            }
        } catch (DirectoryIteratorException e) {
            throw e.getCause();
        }
        return null;
    }
}
