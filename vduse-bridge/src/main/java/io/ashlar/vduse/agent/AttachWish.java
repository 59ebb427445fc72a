package io.ashlar.vduse.agent;

import java.nio.file.Path;

/**
 * How a volume is to be attached.
 *
 * @param readOnly so that it can't be written
 * @param steal whether to take it from another host that holds it
 * @param socket where vhost-user front ends are to connect; null for a block device of this host
 * @param queues virtqueues of a device on a socket; 0 as the bridge is configured
 */
public record AttachWish(boolean readOnly, boolean steal, Path socket, int queues) {}
