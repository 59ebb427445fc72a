package io.ashlar.client.volume;

import io.ashlar.base.annotation.ThreadSafe;
import io.ashlar.base.block.BlockRequest;
import io.ashlar.base.status.Status;
import io.ashlar.base.time.Clock;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;

/** What is logged of a volume's requests when something is wrong with them: of each kind one line a minute at most. */
@ThreadSafe
final class VolumeLog {
    private static final long INTERVAL_NS = TimeUnit.MINUTES.toNanos(1);
    /** A request that waits this long is worth a line. */
    private static final long STALLED_NS = TimeUnit.SECONDS.toNanos(10);

    private final String volume;
    private final String node;
    private final Clock clock;
    private final Consumer<String> out;
    private final Limit refusals = new Limit();
    private final Limit losses = new Limit();
    private final Limit stalls = new Limit();
    private final Limit pauses = new Limit();

    VolumeLog(String volume, String node, Clock clock, Consumer<String> out) {
        this.volume = volume;
        this.node = node;
        this.clock = clock;
        this.out = out;
    }

    /** A request is failed because the node gave the connection up over it. */
    void refused(BlockRequest request, Status status) {
        if (refusals.allows(clock.nowNs())) {
            out.accept("volume " + volume + ": node " + node + " gave the connection up over a " + describe(request)
                    + " (" + status.text() + "); it fails with an I/O error");
        }
    }

    /** The connection breaks again and again before this request is answered. */
    void lostAgain(int times, BlockRequest oldest) {
        if (losses.allows(clock.nowNs())) {
            out.accept("volume " + volume + ": the connection to node " + node + " broke " + times
                    + " times in a row before a " + describe(oldest) + " was answered; it is sent again and waits");
        }
    }

    /** The node is there, but says that it can't serve the volume for now. */
    void cannotServe(String reason) {
        if (pauses.allows(clock.nowNs())) {
            out.accept(
                    "volume " + volume + ": node " + node + " can't serve it for now: " + reason + "; requests wait");
        }
    }

    /** The oldest request has waited for so long. */
    void waits(long ageNs) {
        if (ageNs >= STALLED_NS && stalls.allows(clock.nowNs())) {
            out.accept("volume " + volume + ": oldest request waits " + TimeUnit.NANOSECONDS.toSeconds(ageNs)
                    + " s for node " + node);
        }
    }

    private static String describe(BlockRequest request) {
        String operation = request.operation().name().toLowerCase(Locale.ROOT).replace('_', '-');
        return operation + " of " + request.lengthBytes() + " bytes at " + request.offsetBytes();
    }

    /** Lets one line through, then none for the interval. */
    @ThreadSafe
    private static final class Limit {
        private static final long NEVER = Long.MIN_VALUE;

        private final AtomicLong lastNs = new AtomicLong(NEVER);

        boolean allows(long nowNs) {
            long last = lastNs.get();
            return (last == NEVER || nowNs - last >= INTERVAL_NS) && lastNs.compareAndSet(last, nowNs);
        }
    }
}
