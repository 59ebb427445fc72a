package io.ashlar.base.net;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.netty.channel.IoHandle;
import io.netty.channel.IoHandler;
import io.netty.channel.IoHandlerContext;
import io.netty.channel.IoHandlerFactory;
import io.netty.channel.IoRegistration;
import io.netty.channel.epoll.EpollIoHandler;
import io.netty.util.concurrent.ThreadAwareExecutor;

/**
 * Netty's epoll handler, which lets sources in memory work at every turn too, and tells {@link AdaptivePolling} how much of the
 * time since its last wait was none.
 */
@ConfinedTo(LoopKind.DATA)
final class PollingHandler implements IoHandler {
    private final IoHandler epoll;
    private final AdaptivePolling polling;
    private final MeteredContext metered;

    private PollingHandler(IoHandler epoll, AdaptivePolling polling) {
        this.epoll = epoll;
        this.polling = polling;
        metered = new MeteredContext(polling);
    }

    /** Returns the factory of one handler, which waits in the given way. */
    static IoHandlerFactory newFactory(int eventsMax, AdaptivePolling polling) {
        IoHandlerFactory factory = EpollIoHandler.newFactory(eventsMax, () -> polling);
        return executor -> newHandler(factory, executor, polling);
    }

    private static IoHandler newHandler(
            IoHandlerFactory factory, ThreadAwareExecutor executor, AdaptivePolling polling) {
        return new PollingHandler(factory.newHandler(executor), polling);
    }

    @Override
    public void initialize() {
        epoll.initialize();
    }

    @Override
    public int run(IoHandlerContext context) {
        metered.loop = context;
        int handled = epoll.run(metered);
        return handled + polling.workInMemory();
    }

    @Override
    public IoRegistration register(IoHandle handle) throws Exception {
        return epoll.register(handle);
    }

    @Override
    public boolean isCompatible(Class<? extends IoHandle> handleType) {
        return epoll.isCompatible(handleType);
    }

    @Override
    public void wakeup() {
        epoll.wakeup();
    }

    @Override
    public void prepareToDestroy() {
        epoll.prepareToDestroy();
    }

    @Override
    public void destroy() {
        epoll.destroy();
    }

    private static final class MeteredContext implements IoHandlerContext {
        private final AdaptivePolling polling;
        private IoHandlerContext loop;

        MeteredContext(AdaptivePolling polling) {
            this.polling = polling;
        }

        @Override
        public boolean canBlock() {
            return loop.canBlock();
        }

        @Override
        public long delayNanos(long currentTimeNanos) {
            return loop.delayNanos(currentTimeNanos);
        }

        @Override
        public long deadlineNanos() {
            return loop.deadlineNanos();
        }

        @Override
        public boolean shouldReportActiveIoTime() {
            return true;
        }

        @Override
        public void reportActiveIoTime(long activeNanos) {
            polling.handled(activeNanos);
        }
    }
}
