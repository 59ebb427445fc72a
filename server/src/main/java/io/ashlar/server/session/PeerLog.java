package io.ashlar.server.session;

import io.ashlar.base.annotation.ThreadSafe;
import io.ashlar.base.time.Clock;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Log lines that a peer can cause: at most {@value #LINES_MAX} in ten seconds for the whole node, then one that says how
 * many were left out. Nothing that a peer sent is in a line unless it has been checked to be harmless.
 */
@ThreadSafe
final class PeerLog {
    private static final Logger LOG = LoggerFactory.getLogger(PeerLog.class);
    private static final int LINES_MAX = 10;
    private static final long WINDOW_NS = 10_000_000_000L;

    private final Clock clock;
    private final AtomicLong windowStartNs;
    private final AtomicInteger lines = new AtomicInteger();

    PeerLog(Clock clock) {
        this.clock = clock;
        windowStartNs = new AtomicLong(clock.nowNs());
    }

    /** Writes a line, or counts it. */
    void line(Object peer, String text) {
        long now = clock.nowNs();
        long start = windowStartNs.get();
        if (now - start > WINDOW_NS && windowStartNs.compareAndSet(start, now)) {
            int leftOut = lines.getAndSet(0) - LINES_MAX;
            if (leftOut > 0) {
                LOG.warn("{} more lines about peers were left out", leftOut);
            }
        }
        if (lines.getAndIncrement() < LINES_MAX) {
            LOG.warn("{}: {}", peer, text);
        }
    }
}
