package io.ashlar.server.config;

import io.ashlar.protocol.frame.Limits;

/**
 * How the direct memory of the process is divided. Three quarters of it are for connections: every one of them has
 * {@link #RECEIVE_BYTES} and {@link #ANSWER_BYTES} of its own, and the loops share the rest equally, half for receiving
 * and half for answering. The last quarter is for the store, and for what the allocator can't use of its chunks.
 *
 * @param connectionBytesMax what all connections together can take
 * @param receiveShareBytes what the connections of one loop can take for receiving, beyond their own
 * @param answerShareBytes the same for answering
 */
public record MemoryBudget(long connectionBytesMax, long receiveShareBytes, long answerShareBytes) {
    /** A connection's first receive buffer. */
    public static final int RECEIVE_BYTES = Limits.RECEIVE_BYTES_INITIAL;
    /** One chunk of answers being sent and one being put together. */
    public static final int ANSWER_BYTES = 512 << 10;

    /** A large write being received while another waits for the disk. */
    private static final long RECEIVE_SHARE_MIN = 2L * Limits.RECEIVE_BYTES_MAX;
    /** Two of the largest answers. */
    private static final long ANSWER_SHARE_MIN = 2L * Limits.FRAME_BYTES_MAX;

    /**
     * Divides the memory.
     *
     * @param directBytes what the JVM gives out, {@code -XX:MaxDirectMemorySize}
     * @throws IllegalArgumentException in one line when it is too little for the limits
     */
    public static MemoryBudget divide(long directBytes, ServerLimits limits, int loops) {
        long all = directBytes / 4 * 3;
        long shares = all - (long) limits.connectionsMax() * (RECEIVE_BYTES + ANSWER_BYTES);
        long share = shares / loops / 2;
        if (share < Math.max(RECEIVE_SHARE_MIN, ANSWER_SHARE_MIN)) {
            long needed = (all - shares + loops * 2L * Math.max(RECEIVE_SHARE_MIN, ANSWER_SHARE_MIN)) / 3 * 4;
            throw new IllegalArgumentException("server.connections-max = " + limits.connectionsMax() + " needs "
                    + ((needed >> 20) + 1) + " MiB of direct memory, and the JVM gives out " + (directBytes >> 20)
                    + " MiB: lower it, or raise -XX:MaxDirectMemorySize in ASHLAR_JAVA_OPTS");
        }
        return new MemoryBudget(all, share, share);
    }
}
