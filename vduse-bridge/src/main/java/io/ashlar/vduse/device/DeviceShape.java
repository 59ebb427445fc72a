package io.ashlar.vduse.device;

import io.netty.buffer.ByteBuf;
import java.util.regex.Pattern;

/**
 * What a VDUSE block device is created with.
 *
 * @param name its name under /dev/vduse, always starting with {@link #NAME_PREFIX}
 * @param features the virtio feature bits offered
 * @param queues the number of virtqueues, 1 to 128
 * @param queueSize descriptors of each virtqueue, a power of two up to 1024
 * @param config the virtio-blk configuration space; borrowed while the device is created
 */
public record DeviceShape(String name, long features, int queues, int queueSize, ByteBuf config) {
    /** A bridge never touches a device with another prefix: other programs keep theirs on the same host. */
    public static final String NAME_PREFIX = "ashlar-";

    private static final Pattern NAME = Pattern.compile(NAME_PREFIX + "[a-z0-9-]{1,64}");
    private static final int QUEUES_MAX = 128;
    private static final int QUEUE_SIZE_MAX = 1024;

    /** Checks the components. */
    public DeviceShape {
        checkName(name);
        if (queues < 1 || queues > QUEUES_MAX) {
            throw new IllegalArgumentException(queues + " queues; 1 to " + QUEUES_MAX + " are possible");
        }
        if (queueSize < 2 || queueSize > QUEUE_SIZE_MAX || Integer.bitCount(queueSize) != 1) {
            throw new IllegalArgumentException(
                    "queue size " + queueSize + " is not a power of two between 2 and " + QUEUE_SIZE_MAX);
        }
    }

    /** Throws {@link IllegalArgumentException} unless the name may be one of ours. */
    static void checkName(String name) {
        if (!NAME.matcher(name).matches()) {
            throw new IllegalArgumentException("'" + name + "' is not a device name of ours");
        }
    }
}
