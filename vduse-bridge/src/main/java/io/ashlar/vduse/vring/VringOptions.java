package io.ashlar.vduse.vring;

/**
 * How a virtqueue is to be worked.
 *
 * @param eventIdx VIRTIO_F_EVENT_IDX was negotiated (virtio 1.2, 6): suppression by index instead of by flag
 * @param indirect VIRTIO_F_INDIRECT_DESC was negotiated (virtio 1.2, 6)
 */
public record VringOptions(boolean eventIdx, boolean indirect) {
    /** Feature bit VIRTIO_F_INDIRECT_DESC (virtio 1.2, 6). */
    public static final int FEATURE_INDIRECT_DESC = 28;
    /** Feature bit VIRTIO_F_EVENT_IDX (virtio 1.2, 6). */
    public static final int FEATURE_EVENT_IDX = 29;

    /** Returns the options that follow from the negotiated features. */
    public static VringOptions of(long features) {
        return new VringOptions(
                (features & 1L << FEATURE_EVENT_IDX) != 0, (features & 1L << FEATURE_INDIRECT_DESC) != 0);
    }
}
