/**
 * The durable list of a node's volumes: names, identities, sizes, and who may write each of them. Read
 * {@link io.ashlar.store.catalogue.VolumeCatalogue} first; {@code docs/on-disk-format.md} has the bytes. Owned by the
 * node's registry thread, which may block on the disk. Imports {@code base} and the store's file seam. Control plane.
 */
package io.ashlar.store.catalogue;
