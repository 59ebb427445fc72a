package io.ashlar.vduse.agent;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import io.ashlar.base.annotation.ThreadSafe;
import java.io.IOException;

/**
 * How large each device's bounce window gets. The kernel keeps every page of it that was once used until the device is
 * destroyed, so all windows together stay within a budget:
 *
 * <pre>
 *   wanted  = queues × depth × (largest request + header, status and indirect table), 64 MiB to 1 GiB
 *   granted = wanted, but at most half of what is left of the budget, and at least 16 MiB
 * </pre>
 */
@ThreadSafe
final class BounceBudget {
    /** Smallest and largest bounce_size that the kernel takes (measured on 6.12 and 7.2). */
    static final long KERNEL_MIN = 1L << 20;

    static final long KERNEL_MAX = 1L << 30;

    private static final long USUAL_MIN = 64L << 20;
    private static final long GRANT_MIN = 16L << 20;
    private static final int PAGE_BYTES = 4096;
    private static final int PAGES_PER_REQUEST = 3;
    /** Linux' default of max_sectors_kb, 6.12 (1280) or our opt_io_size, rounded: what a request usually has at most. */
    private static final long REQUEST_BYTES = 1L << 20;

    private final long budgetBytes;

    @GuardedBy("this")
    private long takenBytes;

    BounceBudget(long budgetBytes) {
        this.budgetBytes = budgetBytes;
    }

    /** Takes room for a device's window; {@link #giveBack} returns it. */
    synchronized long take(int queues, int depth, long configuredBytes) throws IOException {
        long left = budgetBytes - takenBytes;
        long wanted = configuredBytes > 0 ? configuredBytes : wanted(queues, depth);
        long granted = configuredBytes > 0 ? wanted : Math.min(wanted, Math.max(left / 2, GRANT_MIN));
        granted &= -PAGE_BYTES;
        if (granted > left) {
            throw new IOException("the bounce budget of " + (budgetBytes >> 20) + " MiB has " + (left >> 20)
                    + " MiB left and the device needs " + (granted >> 20) + " MiB; raise --bounce-budget or detach"
                    + " something");
        }
        takenBytes += granted;
        return granted;
    }

    /** Counts a window that exists already. */
    synchronized void account(long bytes) {
        takenBytes += bytes;
    }

    /** Returns a window's bytes to the budget. */
    synchronized void giveBack(long bytes) {
        takenBytes -= bytes;
    }

    static long wanted(int queues, int depth) {
        long bytes = (long) queues * depth * (REQUEST_BYTES + PAGES_PER_REQUEST * PAGE_BYTES);
        return Math.max(USUAL_MIN, Math.min(KERNEL_MAX, bytes));
    }
}
