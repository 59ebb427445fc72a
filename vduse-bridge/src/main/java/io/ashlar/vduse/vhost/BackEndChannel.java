package io.ashlar.vduse.vhost;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.sys.UnixSocket;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The socket on which we may say something without being asked ("Back-end message types"). No answers are wanted. */
@ConfinedTo(LoopKind.CONTROL)
final class BackEndChannel implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(BackEndChannel.class);
    /** VHOST_USER_BACKEND_CONFIG_CHANGE_MSG. */
    private static final int CONFIG_CHANGE = 2;

    private static final int VERSION = 1;

    private final UnixSocket socket;

    /** Takes the socket over. */
    BackEndChannel(UnixSocket socket) {
        this.socket = socket;
    }

    void configChanged() {
        ByteBuf message = Unpooled.directBuffer(VhostMessage.HEADER_BYTES);
        message.writeIntLE(CONFIG_CHANGE).writeIntLE(VERSION).writeIntLE(0);
        long sent = socket.send(message);
        message.release();
        if (sent != VhostMessage.HEADER_BYTES) {
            LOG.warn("the front end does not take the news of a changed size");
        }
    }

    @Override
    public void close() {
        socket.close();
    }
}
