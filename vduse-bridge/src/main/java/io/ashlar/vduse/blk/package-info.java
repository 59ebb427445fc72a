/**
 * A virtio block device (virtio 1.2, 5.2) over any {@code BlockDevice}; knows no transport. Read
 * {@link io.ashlar.vduse.blk.VirtioBlkQueue} first, then {@link io.ashlar.vduse.blk.VirtioBlkRequest}. Each queue is owned by
 * one data loop. Imports {@code vduse.vring}, {@code base} and netty-buffer. Data plane; the configuration is control plane.
 */
package io.ashlar.vduse.blk;
