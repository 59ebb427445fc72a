package io.ashlar.vduse.device;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;

/**
 * Layouts against this table, printed by a C program with offsetof, sizeof and the ioctl macros of linux/vduse.h (6.1, x86-64):
 *
 * <pre>
 * sizeof vduse_dev_config 336     name 0:256 vendor_id 256:4 device_id 260:4 features 264:8 vq_num 272:4 vq_align 276:4
 *                                 reserved 280:52 config_size 332:4
 * sizeof vduse_iotlb_entry 32     offset 0:8 start 8:8 last 16:8 perm 24:1
 * sizeof vduse_config_data 8      offset 0:4 length 4:4
 * sizeof vduse_vq_config 32       index 0:4 max_size 4:2
 * sizeof vduse_vq_info 48         index 0:4 num 4:4 desc_addr 8:8 driver_addr 16:8 device_addr 24:8 split 32:2 ready 40:1
 * sizeof vduse_vq_eventfd 8       index 0:4 fd 4:4
 * sizeof vduse_dev_request 152    type 0:4 request_id 4:4 vq_state 24:12 s 24:1 iova 24:16
 * sizeof vduse_dev_response 152   request_id 0:4 result 4:4 vq_state 24:12
 * sizeof vduse_vq_state 12        index 0:4 split 4:2
 * SET_API_VERSION 0x40088101  CREATE_DEV 0x41508102  DESTROY_DEV 0x41008103  IOTLB_GET_FD 0xc0208110
 * DEV_GET_FEATURES 0x80088111  DEV_SET_CONFIG 0x40088112  DEV_INJECT_CONFIG_IRQ 0x00008113  VQ_SETUP 0x40208114
 * VQ_GET_INFO 0xc0308115  VQ_SETUP_KICKFD 0x40088116  VQ_INJECT_IRQ 0x40048117
 * </pre>
 */
class KernelStructTest {
    private static final int WRITE = 1;
    private static final int READ = 2;

    @Test
    void shouldEncodeEachRequestAsTheMacrosDo() {
        assertThat(VduseIoctl.SET_API_VERSION).isEqualTo(ioc(WRITE, 1, 8));
        assertThat(VduseIoctl.CREATE_DEV).isEqualTo(ioc(WRITE, 2, DeviceConfigStruct.CONFIG_OFFSET));
        assertThat(VduseIoctl.DESTROY_DEV).isEqualTo(ioc(WRITE, 3, DeviceConfigStruct.NAME_BYTES));
        assertThat(VduseIoctl.IOTLB_GET_FD).isEqualTo(ioc(READ | WRITE, 0x10, IotlbEntryStruct.SIZE_BYTES));
        assertThat(VduseIoctl.DEV_GET_FEATURES).isEqualTo(ioc(READ, 0x11, 8));
        assertThat(VduseIoctl.DEV_SET_CONFIG).isEqualTo(ioc(WRITE, 0x12, 8));
        assertThat(VduseIoctl.DEV_INJECT_CONFIG_IRQ).isEqualTo(ioc(0, 0x13, 0));
        assertThat(VduseIoctl.VQ_SETUP).isEqualTo(ioc(WRITE, 0x14, 32));
        assertThat(VduseIoctl.VQ_GET_INFO).isEqualTo(ioc(READ | WRITE, 0x15, QueueInfoStruct.SIZE_BYTES));
        assertThat(VduseIoctl.VQ_SETUP_KICKFD).isEqualTo(ioc(WRITE, 0x16, 8));
        assertThat(VduseIoctl.VQ_INJECT_IRQ).isEqualTo(ioc(WRITE, 0x17, 4));
    }

    /** asm-generic/ioctl.h: direction, size, type, number. */
    private static long ioc(int direction, int number, int size) {
        return (long) direction << 30 | (long) size << 16 | 0x81L << 8 | number;
    }

    @Test
    void shouldPlaceEveryFieldOfTheConfigurationWhereTheKernelReadsIt() {
        ByteBuf config = Unpooled.wrappedBuffer(new byte[] {7, 8, 9});
        try (DeviceConfigStruct struct =
                new DeviceConfigStruct(new DeviceShape("ashlar-x", 0x3_0000_0001L, 5, 256, config))) {
            ByteBuf memory = struct.memory;
            assertThat(struct.sizeBytes()).isEqualTo(336 + 3);
            assertThat(memory.toString(0, 9, StandardCharsets.US_ASCII)).isEqualTo("ashlar-x\0");
            assertThat(memory.getIntLE(256)).isZero();
            assertThat(memory.getIntLE(260)).as("VIRTIO_ID_BLOCK").isEqualTo(2);
            assertThat(memory.getLongLE(264)).isEqualTo(0x3_0000_0001L);
            assertThat(memory.getIntLE(272)).isEqualTo(5);
            assertThat(memory.getIntLE(276)).isEqualTo(4096);
            for (int i = 280; i < 332; i++) {
                assertThat(memory.getByte(i)).as("reserved byte %d", i).isZero();
            }
            assertThat(memory.getIntLE(332)).isEqualTo(3);
            assertThat(memory.getByte(338)).isEqualTo((byte) 9);
        }
    }

    @Test
    void shouldReadAnAnswerAboutAVirtqueue() {
        try (QueueInfoStruct struct = new QueueInfoStruct()) {
            struct.index(3)
                    .memory
                    .setIntLE(4, 128)
                    .setLongLE(8, 1L << 40)
                    .setLongLE(16, 2)
                    .setLongLE(24, 3);
            struct.memory.setShortLE(32, 0xFFFE).setByte(40, 1);
            assertThat(struct.memory.getIntLE(0)).isEqualTo(3);
            assertThat(struct.toInfo()).isEqualTo(new QueueInfo(128, 1L << 40, 2, 3, 0xFFFE, true));
        }
    }

    @Test
    void shouldReadAnAnswerAboutAMapping() {
        try (IotlbEntryStruct struct = new IotlbEntryStruct()) {
            struct.range(5, 6);
            assertThat(struct.memory.getLongLE(8)).isEqualTo(5);
            assertThat(struct.memory.getLongLE(16)).isEqualTo(6);
            struct.memory.setLongLE(0, 0x47ffc000L).setByte(24, 1);
            assertThat(struct.fileOffset()).isEqualTo(0x47ffc000L);
            assertThat(struct.writable()).isFalse();
            struct.memory.setByte(24, 3);
            assertThat(struct.writable()).isTrue();
        }
    }

    @Test
    void shouldLeaveNothingOfARequestBehindInItsAnswer() {
        try (ControlMessage message = new ControlMessage()) {
            for (int i = 0; i < ControlMessage.SIZE_BYTES; i++) {
                message.memory.setByte(i, 0xFF);
            }
            message.answer(42, true).queueState(1, 0xABCD);
            assertThat(message.memory.getIntLE(0)).isEqualTo(42);
            assertThat(message.memory.getIntLE(4)).isZero();
            for (int i = 8; i < 24; i++) {
                assertThat(message.memory.getByte(i)).as("reserved byte %d", i).isZero();
            }
            assertThat(message.memory.getIntLE(24)).isEqualTo(1);
            assertThat(message.memory.getUnsignedShortLE(28)).isEqualTo(0xABCD);
        }
    }
}
