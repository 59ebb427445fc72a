package io.ashlar.store.extent;

import io.ashlar.base.annotation.ThreadSafe;
import java.util.concurrent.ConcurrentLinkedQueue;

/** The scratch memory that pool threads borrow for one task; grows to the number of threads. */
@ThreadSafe
public final class IoContexts {
    private final ConcurrentLinkedQueue<IoContext> idle = new ConcurrentLinkedQueue<>();

    /** Lends scratch memory to the calling pool thread. */
    public IoContext take() {
        IoContext context = idle.poll();
        return context == null ? new IoContext(true) : context;
    }

    /** Takes it back. */
    public void giveBack(IoContext context) {
        idle.add(context);
    }
}
