/**
 * A volume on a node as a {@link io.ashlar.base.block.BlockDevice}. Read {@link io.ashlar.client.volume.RemoteVolume}
 * first, then {@link io.ashlar.client.volume.RemoteQueue}, which is the path of a request. A queue is owned by its data
 * loop. Imports {@code range}, {@code session}, {@code protocol}. Data plane.
 */
package io.ashlar.client.volume;
