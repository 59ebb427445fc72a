/**
 * What an operator sets on a storage node: immutable records, checked when made, one line for each mistake. Read
 * {@link io.ashlar.server.config.ServerConfig} first. Owned by no loop; imports {@code protocol.frame} for the bounds
 * that the wire sets. Control plane.
 */
package io.ashlar.server.config;
