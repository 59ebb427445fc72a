package io.ashlar.vduse.device;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.net.EpollLoop;
import io.ashlar.base.sys.Errno;
import io.netty.channel.epoll.EpollIoOps;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Reads the kernel's control messages, hands them over one at a time, and writes the answers. Lives on the control
 * loop, which serves every device of the host and waits for nothing but the kernel.
 */
@ConfinedTo(LoopKind.CONTROL)
final class ControlMessages implements DriverRequests.Answer {
    private static final Logger LOG = LoggerFactory.getLogger(ControlMessages.class);

    private final EpollLoop loop;
    private final KernelDevice kernel;
    private final DriverRequests driver;
    private final String name;
    private final ControlMessage request = new ControlMessage();
    private final ControlMessage response = new ControlMessage();

    private EpollRegistration registration;
    private boolean answering;
    private boolean reading;
    private boolean broken;
    private boolean closed;

    ControlMessages(EpollLoop loop, KernelDevice kernel, String name, DriverRequests driver) {
        this.loop = loop;
        this.kernel = kernel;
        this.name = name;
        this.driver = driver;
    }

    /** Starts to listen; messages that a dead predecessor left unanswered come first. */
    void open() {
        registration = EpollRegistration.register(loop, kernel.fd(), this::onReady);
        readOn();
    }

    /** Stops listening, if it has begun; may be called again. A message that waits for its answer stays with the kernel. */
    void close() {
        if (registration != null) {
            registration.cancel();
            registration = null;
        }
        if (!closed) {
            closed = true;
            request.close();
            response.close();
        }
    }

    private void onReady(EpollIoOps ops) {
        if (ops.contains(EpollIoOps.EPOLLERR)) {
            onBroken();
        }
        readOn();
    }

    private void onBroken() {
        if (!broken) {
            broken = true;
            driver.broken();
        }
    }

    /** Reads until there is nothing left or a message waits for its answer; not from within itself. */
    private void readOn() {
        if (reading) {
            return;
        }
        reading = true;
        while (!answering && !broken && registration != null) {
            long result = kernel.readMessage(request.address());
            if (result == -Errno.EAGAIN || result == -Errno.EINTR) {
                break;
            }
            if (result != ControlMessage.SIZE_BYTES) {
                LOG.warn("{}: can't read control messages: {}", name, Errno.describe(result));
                onBroken();
                break;
            }
            answering = true;
            dispatch();
        }
        reading = false;
    }

    private void dispatch() {
        switch (request.type()) {
            case ControlMessage.SET_STATUS -> driver.setStatus(request.status(), this);
            case ControlMessage.GET_VQ_STATE -> driver.queueState(request.queueIndex(), this);
            case ControlMessage.UPDATE_IOTLB -> driver.forgetMappings(request.iovaStart(), request.iovaLast(), this);
            default -> {
                LOG.warn("{}: refused the kernel's unknown control message {}", name, request.type());
                reply(false);
            }
        }
    }

    @Override
    public void reply(boolean ok) {
        write(response.answer(request.requestId(), ok));
    }

    @Override
    public void replyIndex(int availableIndex) {
        write(response.answer(request.requestId(), true).queueState(request.queueIndex(), availableIndex));
    }

    private void write(ControlMessage answer) {
        loop.assertInLoop();
        if (registration == null) {
            return;
        }
        long result = kernel.writeMessage(answer.address());
        // ENOENT: the task that waited in the kernel was killed, and nobody wants the answer any more.
        if (result < 0 && result != -Errno.ENOENT) {
            LOG.warn("{}: the kernel did not take the answer to a control message: {}", name, Errno.describe(result));
        }
        answering = false;
        readOn();
    }
}
