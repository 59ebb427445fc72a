package io.ashlar.store.file;

import io.ashlar.base.annotation.ThreadSafe;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.nio.ByteBuffer;

/**
 * Direct memory that lives as long as the object that holds it: zeroed, never released by hand, not tracked by the leak
 * detector. For scratch that is made once per thread, queue or file. A raw address keeps nothing alive: where the call that
 * gets the address may be the last use of the holder, {@link java.lang.ref.Reference#reachabilityFence} belongs behind it.
 */
@ThreadSafe
public final class Scratch {
    private Scratch() {}

    /** Returns a buffer of so many zero bytes, with a memory address. */
    public static ByteBuf allocate(int bytes) {
        return Unpooled.wrappedBuffer(ByteBuffer.allocateDirect(bytes));
    }
}
