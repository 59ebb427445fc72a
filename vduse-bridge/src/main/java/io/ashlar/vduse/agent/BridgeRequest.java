package io.ashlar.vduse.agent;

/**
 * One line to a bridge, as JSON; fields that a command does not use may be left out.
 *
 * @param command {@code attach}, {@code detach}, {@code list} or {@code drain}
 * @param name the volume
 * @param readOnly attach: so that it can't be written
 * @param steal attach: take it from another host
 * @param force detach: under its users, or with its node away
 * @param socket attach: serve vhost-user front ends there, instead of a block device; else null
 * @param queues attach: virtqueues of the device; 0 as the bridge is configured
 */
record BridgeRequest(
        String command, String name, boolean readOnly, boolean steal, boolean force, String socket, int queues) {
    static final String ATTACH = "attach";
    static final String DETACH = "detach";
    static final String LIST = "list";
    static final String DRAIN = "drain";

    /** A request that attaches nothing to a socket. */
    BridgeRequest(String command, String name, boolean readOnly, boolean steal, boolean force) {
        this(command, name, readOnly, steal, force, null, 0);
    }
}
