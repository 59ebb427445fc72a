package io.ashlar.vduse.vhost;

import com.google.errorprone.annotations.Immutable;
import io.ashlar.vduse.blk.VirtioBlkConfig;

/** The feature bits of a device behind vhost-user: those of the device itself, and one that is the protocol's own. */
@Immutable
final class FeatureSet {
    /** VIRTIO_F_ACCESS_PLATFORM (virtio 1.2, 6): the front end would have to translate addresses; guest addresses are used. */
    private static final int ACCESS_PLATFORM = 33;

    private FeatureSet() {}

    static long offered(VirtioBlkConfig config) {
        return (config.features() & ~(1L << ACCESS_PLATFORM)) | (1L << ProtocolFeature.FEATURE_BIT);
    }

    /** Returns whether a front end that accepted these features knows protocol features. */
    static boolean hasProtocolFeatures(long accepted) {
        return (accepted & 1L << ProtocolFeature.FEATURE_BIT) != 0;
    }
}
