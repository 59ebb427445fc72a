package io.ashlar.vduse.agent;

/**
 * One line to a bridge, as JSON; fields that a command does not use may be left out.
 *
 * @param command {@code attach}, {@code detach}, {@code list}, {@code drain}, {@code handover} or {@code taken}
 * @param name the volume
 * @param readOnly attach: so that it can't be written
 * @param steal attach: take it from another host
 * @param force detach: under its users, or with its node away
 * @param socket attach: serve vhost-user front ends there, instead of a block device; else null
 * @param queues attach: virtqueues of the device; 0 as the bridge is configured
 * @param pid handover: the process that takes over
 */
record BridgeRequest(
        String command,
        String name,
        boolean readOnly,
        boolean steal,
        boolean force,
        String socket,
        int queues,
        long pid) {
    static final String ATTACH = "attach";
    static final String DETACH = "detach";
    static final String LIST = "list";
    static final String DRAIN = "drain";
    /** Let go of all devices for the process that asks; it says {@code TAKEN} next, or closes the connection. */
    static final String HANDOVER = "handover";
    /** The answer to {@code HANDOVER} has arrived, and the one who asked goes on from here. Answered only if it came too late. */
    static final String TAKEN = "taken";

    /** A request that attaches nothing to a socket. */
    BridgeRequest(String command, String name, boolean readOnly, boolean steal, boolean force) {
        this(command, name, readOnly, steal, force, null, 0, 0);
    }

    /** A part of a handover. */
    BridgeRequest(String command, long pid) {
        this(command, null, false, false, false, null, 0, pid);
    }
}
