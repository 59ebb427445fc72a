/**
 * Volume commands over ADMIN frames, blocking. Read {@link io.ashlar.client.admin.AdminClient} first. Runs on the thread
 * of the command. Imports {@code base} and {@code protocol}. Control plane.
 */
package io.ashlar.client.admin;
