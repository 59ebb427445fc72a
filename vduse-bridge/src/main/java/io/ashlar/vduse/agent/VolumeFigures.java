package io.ashlar.vduse.agent;

import io.ashlar.base.block.BlockDevice;
import io.ashlar.vduse.blk.QueueCounters;
import java.util.List;

/**
 * What there is to measure of an attached volume.
 *
 * @param volume its name
 * @param disk its block device, such as {@code vda}; null while there is none
 * @param state as in {@link Attachment}
 * @param device the volume, which may have figures of its own; null while it is not open
 * @param queues the counters of its virtqueues
 */
public record VolumeFigures(String volume, String disk, String state, BlockDevice device, List<QueueCounters> queues) {}
