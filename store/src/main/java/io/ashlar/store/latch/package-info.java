/**
 * The order of overlapping requests. Read {@link io.ashlar.store.latch.RangeLatch} first. Shared by all loops and pool
 * threads; imports base only. Data plane.
 */
package io.ashlar.store.latch;
