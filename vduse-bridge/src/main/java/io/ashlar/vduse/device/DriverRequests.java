package io.ashlar.vduse.device;

/**
 * What the kernel asks of a device through its control messages. Called on the control loop, one at a time: the next
 * one comes after the answer. An answer may come later, from the control loop, but never waits for storage: the kernel
 * gives a device up for good when it has waited too long.
 */
interface DriverRequests {
    /** The driver sets the device status (virtio 1.2, 2.1); 0 is a reset. */
    void setStatus(int status, Answer answer);

    /** The kernel wants the next available index of a virtqueue that does not run. */
    void queueState(int queue, Answer answer);

    /** The kernel takes back all mappings of the inclusive range. */
    void forgetMappings(long iovaStart, long iovaLast, Answer answer);

    /** The kernel has given the device up: no message will come any more, and every ioctl fails. */
    void broken();

    /** The way back to the kernel. */
    interface Answer {
        /** Accepts or refuses. */
        void reply(boolean ok);

        /** Accepts with the next available index of the virtqueue asked about. */
        void replyIndex(int availableIndex);
    }
}
