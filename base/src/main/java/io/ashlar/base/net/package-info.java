/**
 * Epoll loops: threads, pinning, and Netty's event loop as a {@link io.ashlar.base.loop.Loop}. Read
 * {@link io.ashlar.base.net.EpollLoops} first. Imports {@code loop}, {@code sys} and Netty's transport. Control plane.
 */
package io.ashlar.base.net;
