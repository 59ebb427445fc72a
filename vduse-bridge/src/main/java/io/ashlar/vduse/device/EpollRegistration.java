package io.ashlar.vduse.device;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.net.EpollLoop;
import io.netty.channel.IoEvent;
import io.netty.channel.IoRegistration;
import io.netty.channel.epoll.EpollIoEvent;
import io.netty.channel.epoll.EpollIoHandle;
import io.netty.channel.epoll.EpollIoOps;
import io.netty.channel.unix.FileDescriptor;
import java.util.function.Consumer;

/**
 * A descriptor that waits in a loop's epoll, edge-triggered: whoever handles it works until there is nothing left. The
 * descriptor stays its creator's, who closes it after {@link #cancel()}.
 */
@ConfinedTo(LoopKind.OWNER)
public final class EpollRegistration implements EpollIoHandle {
    private final FileDescriptor descriptor;
    private final Consumer<EpollIoOps> onReady;
    private IoRegistration registration;

    private EpollRegistration(int fd, Consumer<EpollIoOps> onReady) {
        descriptor = new FileDescriptor(fd);
        this.onReady = onReady;
    }

    /** Registers a descriptor; called on the loop. What was ready before is reported too. */
    public static EpollRegistration register(EpollLoop loop, int fd, Consumer<EpollIoOps> onReady) {
        loop.assertInLoop();
        EpollRegistration handle = new EpollRegistration(fd, onReady);
        handle.registration =
                loop.eventLoop().register(handle).syncUninterruptibly().getNow();
        handle.registration.submit(EpollIoOps.EPOLLIN.with(EpollIoOps.EPOLLET));
        return handle;
    }

    /** Stops waiting; called on the loop. */
    public void cancel() {
        registration.cancel();
    }

    @Override
    public FileDescriptor fd() {
        return descriptor;
    }

    @Override
    public void handle(IoRegistration ignored, IoEvent event) {
        onReady.accept(((EpollIoEvent) event).ops());
    }

    /** Called when the loop ends; the descriptor is its creator's. */
    @Override
    public void close() {}
}
