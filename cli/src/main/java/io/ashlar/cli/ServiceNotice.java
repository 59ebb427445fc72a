package io.ashlar.cli;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.net.EpollLoop;
import io.ashlar.base.sys.Errno;
import io.ashlar.base.sys.Linux;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.LongPredicate;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Tells systemd, where it has started the daemon, how that is: up, alive, stopping, another one (sd_notify(3)). Elsewhere every call does
 * nothing. Alive means that each loop has run a task lately, and no more: a node whose disk hangs, or a bridge whose node is
 * away, is not helped by being started again.
 */
@ConfinedTo(LoopKind.OWNER)
final class ServiceNotice implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(ServiceNotice.class);
    /** AF_UNIX and SOCK_DGRAM (linux/socket.h, linux/net.h). */
    private static final int AF_UNIX = 1;

    private static final int SOCK_DGRAM = 2;
    /** MSG_NOSIGNAL and MSG_DONTWAIT (linux/socket.h). */
    private static final int FLAGS = 0x4000 | 0x40;
    /** The path of a sockaddr_un (linux/un.h). */
    private static final int PATH_BYTES_MAX = 108;

    private final int socket;
    private final long watchdogNs;
    private final List<EpollLoop> loops;

    private ServiceNotice(int socket, long watchdogNs, List<EpollLoop> loops) {
        this.socket = socket;
        this.watchdogNs = watchdogNs;
        this.loops = loops;
    }

    /**
     * Connects to whoever started the daemon.
     *
     * @param environment has NOTIFY_SOCKET, and WATCHDOG_USEC and WATCHDOG_PID where signs of life are wanted
     * @param loops those that must be alive
     */
    static ServiceNotice of(Map<String, String> environment, List<EpollLoop> loops) {
        String path = environment.getOrDefault("NOTIFY_SOCKET", "");
        byte[] address = path.getBytes(StandardCharsets.UTF_8);
        if (address.length < 2 || address.length > PATH_BYTES_MAX || (address[0] != '/' && address[0] != '@')) {
            if (!path.isEmpty()) {
                LOG.warn("NOTIFY_SOCKET is '{}', which is no socket: nobody is told how the daemon is", path);
            }
            return new ServiceNotice(-1, 0, loops);
        }
        int socket = Linux.socket(AF_UNIX, SOCK_DGRAM, 0);
        int result = socket < 0 ? socket : Linux.connect(socket, socketAddress(address));
        if (result < 0) {
            LOG.warn("can't tell {} how the daemon is: {}", path, Errno.describe(result));
        }
        return new ServiceNotice(socket, watchdogNs(environment), loops);
    }

    /** An abstract name, written with an at sign, begins with a zero byte instead (unix(7)). */
    private static byte[] socketAddress(byte[] path) {
        byte[] address = new byte[Short.BYTES + path.length];
        address[0] = AF_UNIX;
        System.arraycopy(path, 0, address, Short.BYTES, path.length);
        if (path[0] == '@') {
            address[Short.BYTES] = 0;
        }
        return address;
    }

    private static long watchdogNs(Map<String, String> environment) {
        String pid = environment.getOrDefault("WATCHDOG_PID", "");
        if (!pid.isEmpty() && !pid.equals(Long.toString(ProcessHandle.current().pid()))) {
            return 0;
        }
        try {
            return TimeUnit.MICROSECONDS.toNanos(Long.parseLong(environment.getOrDefault("WATCHDOG_USEC", "0")));
        } catch (NumberFormatException e) {
            return 0;
        }
    }

    /** Says that the daemon is up, in words. */
    void up(String status) {
        tell("READY=1\nSTATUS=" + status.replace('\n', ' '));
    }

    /**
     * Gives signs of life until the daemon is asked to stop.
     *
     * @param stop waits for so many nanoseconds, or for ever if that is 0, and returns whether the daemon is to stop
     */
    void watchUntil(LongPredicate stop) {
        // Half the time is what sd_watchdog_enabled(3) recommends.
        while (!stop.test(watchdogNs / 2)) {
            if (isAlive()) {
                tell("WATCHDOG=1");
            }
        }
    }

    /** Says that the daemon is stopping, and its service with it. */
    void stopping() {
        tell("STOPPING=1");
    }

    /** Says that another process is the service from now on, before this one ends: else its end would be the service's. */
    void handedOver(long pid) {
        tell("MAINPID=" + pid);
    }

    private boolean isAlive() {
        CountDownLatch silent = new CountDownLatch(loops.size());
        loops.forEach(loop -> loop.execute(silent::countDown));
        try {
            return silent.await(watchdogNs / 4, TimeUnit.NANOSECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return false;
        }
    }

    private void tell(String message) {
        if (socket >= 0) {
            long result = Linux.send(socket, message.getBytes(StandardCharsets.UTF_8), FLAGS);
            if (result < 0) {
                LOG.debug("can't tell systemd {}: {}", message, Errno.describe(result));
            }
        }
    }

    @Override
    public void close() {
        if (socket >= 0) {
            Linux.close(socket);
        }
    }
}
