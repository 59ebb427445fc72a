/**
 * The VDUSE device: ioctls, control messages, memory mappings, kicks, and which loop serves which virtqueue. Read
 * {@link io.ashlar.vduse.device.BridgedDevice} first. A control loop owns it, each {@code ServedQueue} its data loop.
 * Imports {@code vring}, {@code blk}, {@code base} and Netty's epoll classes. Control plane; kicks and calls are data
 * plane.
 */
package io.ashlar.vduse.device;
