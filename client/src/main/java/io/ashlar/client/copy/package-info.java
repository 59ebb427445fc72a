/**
 * Copies between a volume and a raw image, for {@code ashlar volume import} and {@code export}. Read
 * {@link io.ashlar.client.copy.VolumeCopy} first. Owned by the calling thread, which waits for the device's loop. Imports
 * {@code base}. Control plane.
 */
package io.ashlar.client.copy;
