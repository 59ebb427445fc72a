/**
 * The node's volumes and who uses them: creation to deletion, attachments and fencing. Read {@link
 * io.ashlar.server.registry.VolumeRegistry} first. Owned by the registry thread, which waits for the disk and never for
 * a data loop; data loops post to it and are posted to. Imports {@code store}. Control plane.
 */
package io.ashlar.server.registry;
