package io.ashlar.vduse.vhost;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.net.EpollLoop;
import io.ashlar.base.sys.Errno;
import io.ashlar.base.sys.UnixSocket;
import io.ashlar.vduse.device.EpollRegistration;
import io.netty.channel.epoll.EpollIoOps;

/**
 * The connection of one front end: receives a message with its descriptors, hands it over, and receives the next one when
 * that has been worked off ({@link #done()}), however long it takes. What is not a message ends the connection.
 */
@ConfinedTo(LoopKind.CONTROL)
final class MessageChannel {
    /** Messages in a row, so that a front end that never stops leaves room for others. */
    private static final int MESSAGES_PER_TURN = 32;

    /** EPOLLERR | EPOLLHUP | EPOLLRDHUP (sys/epoll.h). */
    private static final int GONE = 0x8 | 0x10 | 0x2000;

    /** Who works the messages off. */
    interface Handler {
        /** Works a message off, now or later; the message and its descriptors are the handler's until {@link #done()}. */
        void onMessage(VhostMessage message, Descriptors descriptors);

        /** The connection has ended; called once, also during a message. */
        void onEnd(String why);
    }

    private final EpollLoop loop;
    private final UnixSocket socket;
    private final Closer closer;
    private final Handler handler;
    private final VhostMessage message = new VhostMessage();
    private final Descriptors descriptors;
    private EpollRegistration registration;
    private boolean pumping;
    private boolean busy;
    private boolean ended;

    /** Takes over a connected socket. */
    MessageChannel(EpollLoop loop, UnixSocket socket, Closer closer, Handler handler) {
        this.loop = loop;
        this.socket = socket;
        this.closer = closer;
        descriptors = new Descriptors(closer);
        this.handler = handler;
    }

    /** Starts to receive. */
    void open() {
        registration = EpollRegistration.register(loop, socket.fd(), this::onReady);
    }

    private void onReady(EpollIoOps ops) {
        if (busy && (ops.value() & GONE) != 0) {
            end("it has closed the connection");
        }
        pump();
    }

    private void pump() {
        if (pumping) {
            return;
        }
        pumping = true;
        int share = MESSAGES_PER_TURN;
        while (!ended && !busy && share > 0 && receive()) {
            if (message.missingBytes() == 0) {
                share--;
                deliver();
            }
        }
        pumping = false;
        if (share == 0 && !ended && !busy) {
            loop.execute(this::pump);
        }
    }

    /** Receives some of the message; returns false when nothing is there. */
    private boolean receive() {
        long result = socket.receive(message.bytes(), message.missingBytes(), descriptors::add);
        if (result == -Errno.EAGAIN) {
            return false;
        }
        if (result <= 0) {
            end(result == 0 ? "it has closed the connection" : "receiving failed: " + Errno.describe(result));
            return false;
        }
        boolean tooMany = descriptors.count() > UnixSocket.DESCRIPTORS_MAX;
        String fault = tooMany ? descriptors.count() + " descriptors" : message.fault();
        if (fault != null) {
            end("it sent " + fault);
        }
        return fault == null;
    }

    private void deliver() {
        busy = true;
        int most = message.request().descriptorsMax();
        if (descriptors.count() > most) {
            end(message.request() + " came with " + descriptors.count() + " descriptors");
        } else {
            handler.onMessage(message, descriptors);
        }
    }

    /** The message has been worked off; the next one may come once what nobody has taken of it is closed. */
    void done() {
        if (!ended) {
            descriptors.clear();
            message.clear();
            closer.whenIdle(this::next);
        }
    }

    private void next() {
        if (!ended) {
            busy = false;
            pump();
        }
    }

    /** Sends the reply that the message has been made into, with descriptors that stay the caller's, and is done with it. */
    void reply(int... fds) {
        if (ended) {
            return;
        }
        int length = message.bytes().readableBytes();
        long sent = socket.send(message.bytes(), fds);
        if (sent != length) {
            end("it does not take a reply of " + length + " bytes");
        }
        done();
    }

    /** Ends the connection. */
    void end(String why) {
        if (ended) {
            return;
        }
        ended = true;
        try {
            registration.cancel();
            closer.close(socket::close);
            descriptors.clear();
            message.release();
        } finally {
            handler.onEnd(why); // whatever fails: else rings would be served for nobody, and no detachment would end
        }
    }

    boolean hasEnded() {
        return ended;
    }
}
