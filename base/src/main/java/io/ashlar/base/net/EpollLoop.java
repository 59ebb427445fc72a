package io.ashlar.base.net;

import io.ashlar.base.annotation.ThreadSafe;
import io.ashlar.base.loop.Loop;
import io.ashlar.base.loop.MemorySource;
import io.ashlar.base.time.Clock;
import io.netty.channel.IoEventLoop;
import io.netty.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;

/** A {@link Loop} that is one Netty epoll event loop: sockets, eventfds and device files wait in the same epoll. */
@ThreadSafe
public final class EpollLoop implements Loop {
    private final IoEventLoop eventLoop;
    private final String name;
    private final int cpu;
    private final AdaptivePolling polling;

    /** Creates a loop with its way of waiting, which is null where it sleeps at once. */
    EpollLoop(IoEventLoop eventLoop, String name, int cpu, AdaptivePolling polling) {
        this.eventLoop = eventLoop;
        this.polling = polling;
        this.name = name;
        this.cpu = cpu;
    }

    /** Returns the Netty loop, for registering channels and {@code EpollIoHandle}s. */
    public IoEventLoop eventLoop() {
        return eventLoop;
    }

    /** Returns the CPU that the thread is pinned to, or -1. */
    public int cpu() {
        return cpu;
    }

    /** Says that so many more answers of peers are due, or fewer: the loop waits for them differently. On the loop. */
    public void answersDue(int change) {
        if (polling != null) {
            polling.answersDue(change);
        }
    }

    @Override
    public void watch(MemorySource source) {
        assertInLoop();
        if (polling == null) {
            Loop.super.watch(source);
        } else {
            polling.watched().add(source);
        }
    }

    @Override
    public void unwatch(MemorySource source) {
        assertInLoop();
        if (polling != null) {
            polling.watched().remove(source);
        }
    }

    @Override
    public String name() {
        return name;
    }

    @Override
    public Clock clock() {
        return Clock.SYSTEM;
    }

    @Override
    public boolean inLoop() {
        return eventLoop.inEventLoop();
    }

    @Override
    public void execute(Runnable task) {
        eventLoop.execute(task);
    }

    @Override
    public Scheduled schedule(Runnable task, long delayNs) {
        ScheduledFuture<?> future = eventLoop.schedule(task, delayNs, TimeUnit.NANOSECONDS);
        return () -> future.cancel(false);
    }
}
