/**
 * {@code ashlar lab soak}: a node and a bridge, real processes, that are killed and handed over while a front end of our own
 * keeps two virtqueues busy and checks every block that it reads. Read {@link io.ashlar.lab.soak.Soak} first. Two threads, that
 * of the load and that of the events, which may block; imports {@code base}, {@code client}, the bridge's control client, and
 * nothing of its virtqueues. Neither data plane nor control plane: a test.
 */
package io.ashlar.lab.soak;
