/**
 * NBD's bytes: magics, codes and layouts, as the protocol's description ("doc/proto.md" of the NBD project) has them. Read
 * {@link io.ashlar.nbd.wire.RequestHeader} first, then {@link io.ashlar.nbd.wire.Replies}. Owned by whoever wraps them;
 * imports {@code base} and netty-buffer. Data plane.
 */
package io.ashlar.nbd.wire;
