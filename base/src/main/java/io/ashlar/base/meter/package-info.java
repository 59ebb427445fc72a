/**
 * What counters on both ends of the wire share. Read {@link io.ashlar.base.meter.LatencyBuckets}, the only class. Owned by
 * no loop; imports nothing. Data plane.
 */
package io.ashlar.base.meter;
