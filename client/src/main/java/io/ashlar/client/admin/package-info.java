/**
 * Volume commands to a node. Read {@link io.ashlar.client.admin.AdminClient} first. Owned by the thread that made it; it
 * blocks. Imports {@code protocol}. Control plane.
 */
package io.ashlar.client.admin;
