package io.ashlar.vduse.agent;

import io.ashlar.vduse.device.VduseSysfs;

/**
 * What a bridge leaves behind for its successor about one device, in a file beside the control socket.
 *
 * @param version of this format
 * @param volume the volume's name
 * @param id its UUID, as text
 * @param vduse the device's name, which is the VDUSE device's if it is one
 * @param readOnly as attached
 * @param queues virtqueues of the device
 * @param queueSize descriptors of each
 * @param bounceBytes bounce window; 0 where there is none
 * @param heldSinceMs since when the host has held the volume, as its node says; 0 if it only reads
 * @param sinceMs when it was attached, milliseconds since 1970
 * @param socket where front ends connect, or null for a VDUSE device
 */
record AttachmentRecord(
        int version,
        String volume,
        String id,
        String vduse,
        boolean readOnly,
        int queues,
        int queueSize,
        long bounceBytes,
        long heldSinceMs,
        long sinceMs,
        String socket) {
    static final int VERSION = 1;

    /** Returns whether it is served to front ends on a socket, and not to the kernel. */
    boolean isVhostUser() {
        return socket != null;
    }

    /** Returns whether its device is not there any more, by which nothing of it is worth knowing. */
    boolean isOfGoneDevice() {
        return !isVhostUser() && new VduseSysfs(vduse).isGone();
    }
}
