package io.ashlar.vduse.device;

import io.ashlar.base.annotation.ThreadSafe;
import io.ashlar.base.sys.Errno;
import io.ashlar.base.sys.Linux;
import io.ashlar.base.sys.OpenFlags;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.nio.charset.StandardCharsets;

/** {@code /dev/vduse/control}: creates and destroys devices, API version 0. Stateless but for the descriptor. */
@ThreadSafe
public final class VduseControl implements AutoCloseable {
    /** The control node. */
    public static final String PATH = "/dev/vduse/control";

    private final int fd;
    /** Why there is none, or null. */
    private final VduseException absence;

    private VduseControl(int fd, VduseException absence) {
        this.fd = fd;
        this.absence = absence;
    }

    /** Stands for a control node that could not be opened: everything is refused. */
    public static VduseControl absent(VduseException why) {
        return new VduseControl(-1, why);
    }

    /** Throws what was wrong when the control node was to be opened. */
    public void check() throws VduseException {
        if (absence != null) {
            throw absence;
        }
    }

    /** Opens the control node. */
    public static VduseControl open() throws VduseException {
        int fd = Linux.open(PATH, OpenFlags.READ_WRITE, 0);
        if (fd == -Errno.ENOENT) {
            throw new VduseException("this kernel offers no VDUSE: load the module with 'modprobe vduse'", fd);
        }
        if (fd < 0) {
            throw new VduseException("can't open " + PATH, fd);
        }
        ByteBuf version = Unpooled.directBuffer(8, 8).setLongLE(0, 0);
        // Always set, never asked for first: on 7.x a GET switches the descriptor to version 1.
        int result = Linux.ioctl(fd, VduseIoctl.SET_API_VERSION, version.memoryAddress());
        version.release();
        if (result < 0) {
            Linux.close(fd);
            throw new VduseException("the kernel's VDUSE does not speak API version 0", result);
        }
        return new VduseControl(fd, null);
    }

    /** Creates a device; -EEXIST when there is one of that name. */
    public int create(DeviceShape shape) {
        if (absence != null) {
            return -absence.errno();
        }
        try (DeviceConfigStruct config = new DeviceConfigStruct(shape)) {
            return Linux.ioctl(fd, VduseIoctl.CREATE_DEV, config.address());
        }
    }

    /** Destroys a device; -EBUSY while it is on the vDPA bus or open. */
    public int destroy(String name) {
        if (absence != null) {
            return -absence.errno();
        }
        DeviceShape.checkName(name);
        ByteBuf memory = Unpooled.directBuffer(DeviceConfigStruct.NAME_BYTES).setZero(0, DeviceConfigStruct.NAME_BYTES);
        try {
            memory.setBytes(0, name.getBytes(StandardCharsets.US_ASCII));
            return Linux.ioctl(fd, VduseIoctl.DESTROY_DEV, memory.memoryAddress());
        } finally {
            memory.release();
        }
    }

    @Override
    public void close() {
        if (absence == null) {
            Linux.close(fd);
        }
    }
}
