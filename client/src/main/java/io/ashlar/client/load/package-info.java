/**
 * A load generator over any {@link io.ashlar.base.block.BlockDevice}, for {@code ashlar bench}. Read
 * {@link io.ashlar.client.load.LoadGenerator} first. A worker is owned by one data loop. Imports {@code base} and
 * HdrHistogram. Data plane.
 */
package io.ashlar.client.load;
