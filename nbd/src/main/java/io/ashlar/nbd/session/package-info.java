/**
 * Connections, their requests and their memory. Read {@link io.ashlar.nbd.session.NbdServer} first, then
 * {@link io.ashlar.nbd.session.RequestFlow}. A connection belongs to one data loop. Imports {@code base},
 * {@code nbd.wire}, {@code nbd.handshake} and Netty's transport. Data plane, but for the server itself.
 */
package io.ashlar.nbd.session;
