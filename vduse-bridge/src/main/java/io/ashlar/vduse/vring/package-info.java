/**
 * The device side of split virtqueues in memory shared with a driver (virtio 1.2, 2.7); knows neither block devices nor
 * VDUSE. Read {@link io.ashlar.vduse.vring.SplitVirtqueue} first, then {@link io.ashlar.vduse.vring.MemoryMap}. Each queue
 * is owned by one data loop. Imports {@code inflight}, {@code base.block}, {@code base.annotation} and netty-buffer. Data plane.
 */
package io.ashlar.vduse.vring;
