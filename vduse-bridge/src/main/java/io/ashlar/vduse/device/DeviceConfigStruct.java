package io.ashlar.vduse.device;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.netty.buffer.ByteBuf;
import java.nio.charset.StandardCharsets;

/**
 * {@code struct vduse_dev_config} (linux/vduse.h), the argument of CREATE_DEV:
 *
 * <pre>
 *   name 0:256 | vendor_id 256:4 | device_id 260:4 | features 264:8 | vq_num 272:4 | vq_align 276:4
 *   reserved 280:52, zero | config_size 332:4 | config 336:config_size
 * </pre>
 */
@ConfinedTo(LoopKind.OWNER)
final class DeviceConfigStruct extends KernelStruct {
    static final int NAME_BYTES = 256;
    static final int VENDOR_ID_OFFSET = 256;
    static final int DEVICE_ID_OFFSET = 260;
    static final int FEATURES_OFFSET = 264;
    static final int VQ_NUM_OFFSET = 272;
    static final int VQ_ALIGN_OFFSET = 276;
    static final int CONFIG_SIZE_OFFSET = 332;
    static final int CONFIG_OFFSET = 336;
    /** Source: linux/virtio_ids.h, VIRTIO_ID_BLOCK. */
    static final int VIRTIO_ID_BLOCK = 2;
    /** 7.x demands a power of two up to 4096 and 6.x takes it (measured on 6.12.95 and 7.2.13). */
    private static final int VQ_ALIGN = 4096;

    DeviceConfigStruct(DeviceShape shape) {
        super(CONFIG_OFFSET + shape.config().readableBytes());
        byte[] name = shape.name().getBytes(StandardCharsets.US_ASCII);
        memory.setBytes(0, name);
        memory.setIntLE(DEVICE_ID_OFFSET, VIRTIO_ID_BLOCK);
        memory.setLongLE(FEATURES_OFFSET, shape.features());
        memory.setIntLE(VQ_NUM_OFFSET, shape.queues());
        memory.setIntLE(VQ_ALIGN_OFFSET, VQ_ALIGN);
        ByteBuf config = shape.config();
        memory.setIntLE(CONFIG_SIZE_OFFSET, config.readableBytes());
        memory.setBytes(CONFIG_OFFSET, config, config.readerIndex(), config.readableBytes());
    }
}
