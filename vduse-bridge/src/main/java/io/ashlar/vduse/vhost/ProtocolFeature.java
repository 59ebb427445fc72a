package io.ashlar.vduse.vhost;

/** The protocol features that are offered, with the specification's bits ("Protocol features"). */
enum ProtocolFeature {
    /** Several queues. */
    MQ(0),
    /** Any request is answered, if the front end wants. */
    REPLY_ACK(3),
    /** We may ask too: the front end is told when the volume has grown. */
    BACKEND_REQ(5),
    /** The configuration space is ours. */
    CONFIG(9),
    /** The front end keeps the log of requests in flight for the next process. */
    INFLIGHT_SHMFD(12),
    /** The device can be reset. */
    RESET_DEVICE(13),
    /** Memory regions are added and removed one by one, and there may be more of them. */
    CONFIGURE_MEM_SLOTS(15);

    /** VHOST_USER_F_PROTOCOL_FEATURES: the feature bit that says that there are any of these. */
    static final int FEATURE_BIT = 30;

    private final int bit;

    ProtocolFeature(int bit) {
        this.bit = bit;
    }

    /** Returns the bits of all. */
    static long all() {
        long bits = 0;
        for (ProtocolFeature feature : values()) {
            bits |= 1L << feature.bit;
        }
        return bits;
    }

    boolean in(long bits) {
        return (bits & 1L << bit) != 0;
    }
}
