/**
 * The kernel's vDPA bus: puts a VDUSE device on it and takes it off, and finds the block device that comes of it. Read
 * {@link io.ashlar.vduse.bus.VdpaBus} first. Owned by no loop: every call blocks in the kernel, on a thread of its own.
 * Imports {@code base.sys}. Control plane.
 */
package io.ashlar.vduse.bus;
