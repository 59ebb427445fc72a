/**
 * The log of requests in flight: what a bridge that is killed leaves to its successor about each virtqueue. Read
 * {@link io.ashlar.vduse.inflight.QueueRegion} first, then {@link io.ashlar.vduse.inflight.DeviceLog}. A queue's region
 * belongs to the loop that serves the queue, the file to the control plane. Imports {@code base.annotation} only. The
 * regions are data plane, all else control plane.
 */
package io.ashlar.vduse.inflight;
