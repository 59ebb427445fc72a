package io.ashlar.vduse.device;

/** How a driver and its virtqueues reach each other: kicks come in, calls go out. Implementations are thread-safe. */
public interface QueuePort {
    /**
     * Returns a descriptor that becomes readable with each kick, for an edge-triggered epoll; nobody reads it. Called on
     * the loop that is going to serve the queue.
     */
    int openKick(int queue) throws VduseException;

    /** Gives such a descriptor back, after it has left the epoll. */
    void closeKick(int queue, int fd);

    /**
     * Calls the driver. Data path: neither blocks nor allocates.
     *
     * @return 0; -EPERM when it never will be possible again; another -errno to be asked once more, later
     */
    int call(int queue);

    /** Tells the driver that a queue of its is not served any more, where there is a way to. */
    default void broken(int queue) {}
}
