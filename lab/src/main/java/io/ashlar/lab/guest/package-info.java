/**
 * A guest with one virtio disk over vhost-user, for tests and measurements: a driver's virtqueues and a front end, written from
 * the specifications alone. Read {@link io.ashlar.lab.guest.GuestDisk} first. Owned by the thread of its load; imports
 * {@code base}, and nothing of the bridge. Neither data plane nor control plane.
 */
package io.ashlar.lab.guest;
