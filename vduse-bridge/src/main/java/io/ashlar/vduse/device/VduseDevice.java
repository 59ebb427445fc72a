package io.ashlar.vduse.device;

import io.ashlar.base.annotation.ThreadSafe;
import io.ashlar.base.sys.Errno;
import io.ashlar.base.sys.Linux;
import io.ashlar.base.sys.OpenFlags;
import io.ashlar.vduse.vring.Access;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.util.function.Consumer;
import java.util.function.LongUnaryOperator;

/** {@code /dev/vduse/NAME}: the real kernel. Source of every ioctl's semantics: linux/vduse.h. */
@ThreadSafe
public final class VduseDevice implements KernelDevice {
    /** VQ_SETUP's argument: index 0:4, max_size 4:2, the rest zero. */
    private static final int QUEUE_CONFIG_BYTES = 32;

    private final int fd;
    /** 0, 1, 2, …: VQ_INJECT_IRQ takes its index by address, and the data path allocates nothing. */
    private final ByteBuf indexes;

    private VduseDevice(int fd, int queues) {
        this.fd = fd;
        indexes = Unpooled.directBuffer(Integer.BYTES * queues);
        for (int i = 0; i < queues; i++) {
            indexes.setIntLE(Integer.BYTES * i, i);
        }
    }

    /** Opens a device; -EBUSY when another process serves it. */
    public static VduseDevice open(String name, int queues) throws VduseException {
        DeviceShape.checkName(name);
        int fd = Linux.open("/dev/vduse/" + name, OpenFlags.READ_WRITE | OpenFlags.NONBLOCK, 0);
        if (fd < 0) {
            String why = fd == -Errno.EBUSY ? "another process serves " : "can't open /dev/vduse/";
            throw new VduseException(why + name, fd);
        }
        return new VduseDevice(fd, queues);
    }

    @Override
    public int fd() {
        return fd;
    }

    @Override
    public long driverFeatures() {
        ByteBuf memory = Unpooled.directBuffer(Long.BYTES).setLongLE(0, 0);
        try {
            int result = Linux.ioctl(fd, VduseIoctl.DEV_GET_FEATURES, memory.memoryAddress());
            return result < 0 ? 0 : memory.getLongLE(0);
        } finally {
            memory.release();
        }
    }

    @Override
    public int setConfig(int offset, ByteBuf bytes) {
        int length = bytes.readableBytes();
        return withMemory(
                2 * Integer.BYTES + length,
                memory -> {
                    memory.setIntLE(0, offset);
                    memory.setIntLE(Integer.BYTES, length);
                    memory.setBytes(2 * Integer.BYTES, bytes, bytes.readerIndex(), length);
                },
                address -> Linux.ioctl(fd, VduseIoctl.DEV_SET_CONFIG, address));
    }

    @Override
    public int injectConfigInterrupt() {
        return Linux.ioctl(fd, VduseIoctl.DEV_INJECT_CONFIG_IRQ, 0);
    }

    @Override
    public int setupQueue(int index, int sizeMax) {
        return withMemory(
                QUEUE_CONFIG_BYTES,
                memory -> {
                    memory.setIntLE(0, index);
                    memory.setShortLE(Integer.BYTES, sizeMax);
                },
                address -> Linux.ioctl(fd, VduseIoctl.VQ_SETUP, address));
    }

    @Override
    public QueueInfo queueInfo(int index) {
        try (QueueInfoStruct info = new QueueInfoStruct()) {
            int result =
                    Linux.ioctl(fd, VduseIoctl.VQ_GET_INFO, info.index(index).address());
            return result < 0 ? null : info.toInfo();
        }
    }

    @Override
    public int setKick(int index, int eventFd) {
        return withMemory(
                2 * Integer.BYTES,
                memory -> {
                    memory.setIntLE(0, index);
                    memory.setIntLE(Integer.BYTES, eventFd);
                },
                address -> Linux.ioctl(fd, VduseIoctl.VQ_SETUP_KICKFD, address));
    }

    @Override
    public int injectInterrupt(int index) {
        return Linux.ioctl(fd, VduseIoctl.VQ_INJECT_IRQ, indexes.memoryAddress() + (long) Integer.BYTES * index);
    }

    @Override
    public MappedRegion map(long iova) {
        try (IotlbEntryStruct entry = new IotlbEntryStruct()) {
            int file = Linux.ioctl(
                    fd, VduseIoctl.IOTLB_GET_FD, entry.range(iova, iova).address());
            if (file < 0) {
                return null;
            }
            long length = entry.last() - entry.start() + 1;
            long address =
                    length <= 0 ? -Errno.EINVAL : Linux.mapShared(file, length, entry.fileOffset(), entry.writable());
            // Not close-on-exec, and not needed once mapped.
            Linux.close(file);
            if (address < 0) {
                return null;
            }
            Access access = entry.writable() ? Access.READ_WRITE : Access.READ_ONLY;
            return new MappedRegion(entry.start(), length, address, access);
        }
    }

    @Override
    public long readMessage(long address) {
        return Linux.read(fd, address, ControlMessage.SIZE_BYTES);
    }

    @Override
    public long writeMessage(long address) {
        return Linux.write(fd, address, ControlMessage.SIZE_BYTES);
    }

    @Override
    public void close() {
        Linux.close(fd);
        indexes.release();
    }

    private static int withMemory(int bytes, Consumer<ByteBuf> fill, LongUnaryOperator call) {
        ByteBuf memory = Unpooled.directBuffer(bytes, bytes).setZero(0, bytes);
        try {
            fill.accept(memory);
            return (int) call.applyAsLong(memory.memoryAddress());
        } finally {
            memory.release();
        }
    }
}
