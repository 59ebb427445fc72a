/**
 * Counters of the store. Read {@link io.ashlar.store.meter.StoreCounters} first. Owned by no loop; imports base only. Data
 * plane (counting) and control plane (reading).
 */
package io.ashlar.store.meter;
