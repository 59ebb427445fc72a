/**
 * The frame header of the block protocol and the rules it obeys ({@code docs/protocol.md}). Read
 * {@link io.ashlar.protocol.frame.FrameHeader} first, then {@link io.ashlar.protocol.frame.FrameRules}. A flyweight
 * belongs to the data loop that made it. Imports {@code base} and netty-buffer. Data plane.
 */
package io.ashlar.protocol.frame;
