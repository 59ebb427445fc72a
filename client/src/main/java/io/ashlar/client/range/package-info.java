/**
 * Which ranges of a volume have requests in flight, so that no two that matter overlap (invariant I4). Read
 * {@link io.ashlar.client.range.RangeTable} first. Shared by the data loops of a volume. Imports {@code base}. Data plane.
 */
package io.ashlar.client.range;
