/**
 * The vhost-user back end: a volume for a virtual machine, or for any program that speaks virtio over a Unix socket (QEMU,
 * "vhost-user protocol"). Read {@link io.ashlar.vduse.vhost.VhostUserDevice} first, then {@code FrontEnd}. The control loop
 * owns it; queues are served by {@code device}'s. Imports {@code device}, {@code blk}, {@code vring}, {@code inflight}, {@code base}. Control
 * plane; {@code EventLines} is data plane.
 */
package io.ashlar.vduse.vhost;
