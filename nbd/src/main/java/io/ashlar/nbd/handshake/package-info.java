/**
 * What happens on a connection before the first request: fixed newstyle negotiation. Read
 * {@link io.ashlar.nbd.handshake.Handshake} first. Owned by the connection's data loop; imports {@code base},
 * {@code nbd.wire} and netty-buffer. Control plane: it may allocate.
 */
package io.ashlar.nbd.handshake;
