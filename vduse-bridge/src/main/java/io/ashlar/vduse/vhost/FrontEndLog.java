package io.ashlar.vduse.vhost;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.time.Clock;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** What the log says of the front ends of one device: ten lines a minute at most, since they can make any number of mistakes. */
@ConfinedTo(LoopKind.CONTROL)
final class FrontEndLog {
    private static final Logger LOG = LoggerFactory.getLogger(FrontEndLog.class);
    private static final int LINES_PER_MINUTE = 10;
    private static final long MINUTE_NS = TimeUnit.MINUTES.toNanos(1);

    private final String name;
    private final Clock clock;
    private long minuteStartNs;
    private int lines;
    private int suppressed;

    FrontEndLog(String name, Clock clock) {
        this.name = name;
        this.clock = clock;
        minuteStartNs = clock.nowNs();
    }

    void info(String what) {
        if (mayWrite()) {
            LOG.info("{}: {}", name, what);
        }
    }

    void warn(String what) {
        if (mayWrite()) {
            LOG.warn("{}: {}", name, what);
        }
    }

    private boolean mayWrite() {
        long nowNs = clock.nowNs();
        if (nowNs - minuteStartNs >= MINUTE_NS) {
            minuteStartNs = nowNs;
            if (suppressed > 0) {
                LOG.info("{}: {} more lines about front ends were left out", name, suppressed);
            }
            lines = 0;
            suppressed = 0;
        }
        boolean may = lines < LINES_PER_MINUTE;
        lines += may ? 1 : 0;
        suppressed += may ? 0 : 1;
        return may;
    }
}
