package io.ashlar.vduse.device;

import io.netty.buffer.ByteBuf;

/**
 * One open VDUSE device, as narrow as we use it, so that a model can stand in for the kernel. Results below zero are
 * -errno. Any thread may call it; none of the calls waits for storage.
 */
public interface KernelDevice extends AutoCloseable {
    /** Returns the descriptor to wait on: readable while a control message is queued. */
    int fd();

    /** Returns the features that the driver has accepted; 0 after a reset. */
    long driverFeatures();

    /** Overwrites a part of the configuration space. */
    int setConfig(int offset, ByteBuf bytes);

    /** Tells the driver that the configuration has changed; -EINVAL unless the driver is running. */
    int injectConfigInterrupt();

    /** Offers a virtqueue of at most that size; before the device is attached. */
    int setupQueue(int index, int sizeMax);

    /** Returns what the driver has set up, or null when the kernel refuses. */
    QueueInfo queueInfo(int index);

    /** Sets the eventfd that the driver's kicks signal; -1 takes it away. */
    int setKick(int index, int eventFd);

    /** Interrupts the driver on behalf of a virtqueue; -EINVAL unless the driver is running. Data path. */
    int injectInterrupt(int index);

    /**
     * Maps the region that holds the address. The caller owns the mapping.
     *
     * @return the region, or null when the kernel knows none there (yet)
     */
    MappedRegion map(long iova);

    /** Reads one control message into the 152 bytes at the address; -EAGAIN when there is none. */
    long readMessage(long address);

    /** Answers a control message with the 152 bytes at the address. */
    long writeMessage(long address);

    /** Closes the device; mappings stay. */
    @Override
    void close();
}
