/**
 * Bytes of a connection to frames and back. Read {@link io.ashlar.protocol.codec.FrameDecoder} first. Everything here
 * belongs to the connection's data loop. Imports {@code frame} and Netty's channels. Data plane.
 */
package io.ashlar.protocol.codec;
