/**
 * The block service: connections, their requests and answers. Read {@link io.ashlar.server.session.Connection} first,
 * then {@link io.ashlar.server.session.DataRequests}, which is the path of every read and write. Everything of a
 * connection belongs to its data loop; the registry is posted to and posts back. Imports {@code registry}, {@code
 * protocol} and Netty's channels. Data plane.
 */
package io.ashlar.server.session;
