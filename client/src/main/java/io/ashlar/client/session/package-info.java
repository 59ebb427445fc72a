/**
 * One connection to a node, kept up: connect, greet, open, watch, begin again. Read
 * {@link io.ashlar.client.session.ConnectionState} first, then {@link io.ashlar.client.session.Session}. Owned by the data
 * or control loop it was made for. Imports {@code protocol} and Netty's channels. Control plane, but for frames passing.
 */
package io.ashlar.client.session;
