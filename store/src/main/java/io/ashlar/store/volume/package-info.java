/**
 * A stored volume as a block device: the path of a read and of a write. Read {@link io.ashlar.store.volume.StoredVolume}
 * first, then {@link io.ashlar.store.volume.StoredQueue}. A queue is owned by one data loop; the rest is shared. Imports
 * the other packages of the store but the root. Data plane.
 */
package io.ashlar.store.volume;
