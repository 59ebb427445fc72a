package io.ashlar.vduse.blk;

import io.ashlar.base.status.Status;

/** The status byte at the end of a request (virtio 1.2, 5.2.6). */
public enum VirtioBlkStatus {
    /** VIRTIO_BLK_S_OK. */
    OK(0),
    /** VIRTIO_BLK_S_IOERR. */
    IOERR(1),
    /** VIRTIO_BLK_S_UNSUPP. */
    UNSUPP(2);

    private final int code;

    VirtioBlkStatus(int code) {
        this.code = code;
    }

    /** Returns the driver's view of an outcome. */
    static VirtioBlkStatus of(Status status) {
        return switch (status) {
            case OK -> OK;
            case UNSUPPORTED -> UNSUPP;
            default -> IOERR;
        };
    }

    /** Returns the value of the byte. */
    int code() {
        return code;
    }
}
