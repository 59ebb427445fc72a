package io.ashlar.server.session;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.netty.buffer.ByteBuf;

/**
 * Keeps buffers alive while requests that did not end at once lie in them, and knows how many bytes that costs: a buffer
 * counts whole, however little of it is needed. Neighbouring requests share a pin, and pins are used again.
 */
@ConfinedTo(LoopKind.DATA)
final class PinPool {
    private final MemoryShare.Claim memory;
    private Pin last;
    private Pin free;
    private long bytes;

    /** Creates a pool for buffers whose memory is of the claim. */
    PinPool(MemoryShare.Claim memory) {
        this.memory = memory;
    }

    /** One reference to a buffer, for all requests in it. */
    @ConfinedTo(LoopKind.DATA)
    static final class Pin {
        private ByteBuf buffer;
        private int capacity;
        private int users;
        private Pin nextFree;

        /** Returns whether only the latest request lies in it: the buffer would not have been kept without it. */
        boolean isFresh() {
            return users == 1;
        }
    }

    /** Keeps the buffer alive until the matching {@link #unpin}. */
    @SuppressWarnings("ReferenceEquality") // the same memory is meant; ByteBuf.equals would compare contents
    Pin pin(ByteBuf buffer) {
        if (last == null || last.buffer != buffer) {
            Pin pin = free == null ? new Pin() : free;
            free = pin.nextFree;
            pin.nextFree = null;
            pin.buffer = buffer.retain();
            pin.capacity = buffer.capacity();
            bytes += pin.capacity;
            last = pin;
        }
        last.users++;
        return last;
    }

    /** Lets go of the buffer for one request. */
    @SuppressWarnings("ReferenceEquality") // pins have identity
    void unpin(Pin pin) {
        pin.users--;
        if (pin.users > 0) {
            return;
        }
        bytes -= pin.capacity;
        if (pin.buffer.release()) {
            memory.giveBack(pin.capacity);
        }
        pin.buffer = null;
        pin.nextFree = free;
        free = pin;
        if (last == pin) {
            last = null;
        }
    }

    /** Returns the bytes of all buffers kept alive. */
    long bytes() {
        return bytes;
    }
}
