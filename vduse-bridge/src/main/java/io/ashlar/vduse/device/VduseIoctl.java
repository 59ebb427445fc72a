package io.ashlar.vduse.device;

/**
 * Request numbers of {@code /dev/vduse/control} and {@code /dev/vduse/NAME}, API version 0. Source: linux/vduse.h,
 * computed with a C compiler on x86-64; {@code _IOC} encodes the same on aarch64.
 */
final class VduseIoctl {
    /** VDUSE_SET_API_VERSION: u64. */
    static final long SET_API_VERSION = 0x40088101L;
    /** VDUSE_CREATE_DEV: {@link DeviceConfigStruct}. */
    static final long CREATE_DEV = 0x41508102L;
    /** VDUSE_DESTROY_DEV: char[256]. */
    static final long DESTROY_DEV = 0x41008103L;
    /** VDUSE_IOTLB_GET_FD: {@link IotlbEntryStruct}; the result is a descriptor. */
    static final long IOTLB_GET_FD = 0xC0208110L;
    /** VDUSE_DEV_GET_FEATURES: u64. */
    static final long DEV_GET_FEATURES = 0x80088111L;
    /** VDUSE_DEV_SET_CONFIG: {u32 offset, u32 length, u8 buffer[]}. */
    static final long DEV_SET_CONFIG = 0x40088112L;
    /** VDUSE_DEV_INJECT_CONFIG_IRQ: no argument. */
    static final long DEV_INJECT_CONFIG_IRQ = 0x00008113L;
    /** VDUSE_VQ_SETUP: {u32 index, u16 max_size, u16 reserved[13]}, 32 bytes. */
    static final long VQ_SETUP = 0x40208114L;
    /** VDUSE_VQ_GET_INFO: {@link QueueInfoStruct}. */
    static final long VQ_GET_INFO = 0xC0308115L;
    /** VDUSE_VQ_SETUP_KICKFD: {u32 index, s32 fd}. */
    static final long VQ_SETUP_KICKFD = 0x40088116L;
    /** VDUSE_VQ_INJECT_IRQ: u32 by address. */
    static final long VQ_INJECT_IRQ = 0x40048117L;

    private VduseIoctl() {}
}
