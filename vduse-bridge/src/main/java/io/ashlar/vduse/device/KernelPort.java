package io.ashlar.vduse.device;

import io.ashlar.base.annotation.ThreadSafe;
import io.ashlar.base.sys.Linux;

/** Kicks and calls of a driver in the kernel: an eventfd of ours for each queue, and an ioctl. */
@ThreadSafe
final class KernelPort implements QueuePort {
    private final KernelDevice kernel;

    KernelPort(KernelDevice kernel) {
        this.kernel = kernel;
    }

    @Override
    public int openKick(int queue) throws VduseException {
        int fd = Linux.eventfd();
        if (fd < 0) {
            throw new VduseException("no eventfd", fd);
        }
        int result = kernel.setKick(queue, fd);
        if (result < 0) {
            Linux.close(fd);
            throw new VduseException("the kernel does not take the kick eventfd", result);
        }
        return fd;
    }

    @Override
    public void closeKick(int queue, int fd) {
        // Refused after a reset, when the kernel has dropped it already.
        kernel.setKick(queue, -1);
        Linux.close(fd);
    }

    @Override
    public int call(int queue) {
        return kernel.injectInterrupt(queue);
    }
}
