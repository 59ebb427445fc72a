package io.ashlar.bench.vhost;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.net.EpollLoop;
import io.ashlar.lab.guest.DriverRing;
import io.ashlar.lab.guest.GuestDisk;
import io.ashlar.vduse.device.EpollRegistration;
import io.netty.util.concurrent.Future;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.HdrHistogram.Histogram;

/**
 * Puts a guest's disk under load and measures, from one loop, which sleeps until the device calls or a request is due. At a
 * fixed rate the latency of a request counts from the time it was due: one that could not even be offered, because
 * the disk stood still with every slot taken, has waited all the same. A disk that is too far behind the rate at the end is
 * offered no more, and what it has is awaited; one that does not answer that fails the load. Nothing is allocated per request.
 */
@ConfinedTo(LoopKind.DATA)
final class DiskLoad {
    private static final long LATENCY_NS_MAX = TimeUnit.MINUTES.toNanos(2);
    private static final int DIGITS = 3;
    /** How far a disk may be behind the rate at the end, and how long the last answers may take then. */
    static final long PATIENCE_NS = TimeUnit.SECONDS.toNanos(20);

    private static final long SEED = 0x9E3779B97F4A7C15L;

    private final EpollLoop loop;
    private final GuestDisk disk;
    private final LoadPlan plan;
    private final long patienceNs;
    private final Histogram latencies = new Histogram(LATENCY_NS_MAX, DIGITS);
    private final Histogram delays = new Histogram(LATENCY_NS_MAX, DIGITS);
    private final CompletableFuture<LoadResult> result = new CompletableFuture<>();
    private final List<EpollRegistration> calls = new ArrayList<>();
    /** Slots without a request, as queue · depth + slot. */
    private final int[] idle;

    private final long[] dueNs;
    private int idleCount;
    private long random = SEED;
    private Future<?> ticks;
    private Future<?> patience;
    private long startNs;
    private long warmNs;
    private long endNs;
    private long lastAnswerNs;
    private long offered;
    private long answered;
    private boolean isTooSlow;

    /** Prepares a load on a connected disk; the patience is {@link #PATIENCE_NS} but in tests. */
    DiskLoad(EpollLoop loop, GuestDisk disk, LoadPlan plan, long patienceNs) {
        this.loop = loop;
        this.disk = disk;
        this.plan = plan;
        this.patienceNs = patienceNs;
        idle = new int[plan.slots()];
        dueNs = new long[plan.slots()];
        Random content = new Random(SEED); // so that nobody is helped by zeroes
        byte[] data = new byte[LoadPlan.REQUEST_BYTES];
        for (int i = plan.slots() - 1; i >= 0; i--) {
            idle[idleCount++] = i;
            content.nextBytes(data);
            disk.data(i / plan.depth(), i % plan.depth()).put(data);
        }
    }

    /** Begins; any thread may call it. The result comes when all is answered, and the loop is left as it was. */
    CompletableFuture<LoadResult> start() {
        loop.execute(() -> {
            try {
                begin();
            } catch (RuntimeException e) {
                end(e);
            }
        });
        return result;
    }

    private void begin() {
        for (int i = 0; i < plan.queues(); i++) {
            int queue = i;
            calls.add(EpollRegistration.register(loop, disk.callFd(queue), ignored -> onCall(queue)));
        }
        startNs = loop.clock().nowNs();
        warmNs = startNs + plan.warmNs();
        endNs = warmNs + plan.measuredNs();
        lastAnswerNs = warmNs;
        patience = after(endNs - startNs + patienceNs, this::onBehind);
        if (plan.isOpen()) {
            ticks = loop.eventLoop()
                    .scheduleAtFixedRate(this::goOn, 0, Math.max(1, plan.dueNs(1)), TimeUnit.NANOSECONDS);
        }
        goOn();
    }

    private Future<?> after(long delayNs, Runnable task) {
        return loop.eventLoop().schedule(task, delayNs, TimeUnit.NANOSECONDS);
    }

    private void onBehind() {
        isTooSlow = isDue(loop.clock().nowNs());
        patience = after(
                PATIENCE_NS,
                () -> end(new IllegalStateException(
                        offered - answered + " requests in flight have no answer: the disk stands still")));
        goOn();
    }

    private void onCall(int queue) {
        DriverRing ring = disk.ring(queue);
        ring.called();
        while (!ring.isAsleep()) { // it stays awake when something came while it asked for the next call
            int slot = ring.poll();
            if (slot >= 0 && disk.status(queue, slot) == 0) {
                onAnswer(queue * plan.depth() + slot);
            } else if (slot != -1) {
                end(new IllegalStateException("an I/O error, or an answer that makes no sense"));
                return;
            }
        }
        goOn();
    }

    private void onAnswer(int slot) {
        long nowNs = loop.clock().nowNs();
        answered++;
        idle[idleCount++] = slot;
        if (dueNs[slot] - warmNs >= 0) {
            latencies.recordValue(Math.min(nowNs - dueNs[slot], LATENCY_NS_MAX));
            lastAnswerNs = nowNs;
        }
    }

    /** Offers what is due as far as there are slots, and ends when all has been answered. */
    private void goOn() {
        long nowNs = loop.clock().nowNs();
        while (idleCount > 0 && isDue(nowNs)) {
            offer(nowNs);
        }
        for (int queue = 0; queue < plan.queues(); queue++) {
            disk.kick(queue);
        }
        if (nowNs - endNs >= 0 && offered == answered && !isDue(nowNs)) {
            end(null);
        }
    }

    private boolean isDue(long nowNs) {
        long due = nextDueNs(nowNs);
        return due - nowNs <= 0 && due - endNs < 0 && !isTooSlow;
    }

    private long nextDueNs(long nowNs) {
        return plan.isOpen() ? startNs + plan.dueNs(offered) : nowNs;
    }

    private void offer(long nowNs) {
        int slot = idle[--idleCount];
        dueNs[slot] = nextDueNs(nowNs);
        if (dueNs[slot] - warmNs >= 0) {
            delays.recordValue(Math.min(nowNs - dueNs[slot], LATENCY_NS_MAX));
        }
        offered++;
        long block = Long.remainderUnsigned(nextRandom(), plan.sizeBytes() / LoadPlan.REQUEST_BYTES);
        disk.offer(
                slot / plan.depth(),
                slot % plan.depth(),
                plan.type(),
                block * LoadPlan.REQUEST_BYTES,
                LoadPlan.REQUEST_BYTES);
    }

    /** Xorshift (Marsaglia 2003): good enough for offsets. */
    private long nextRandom() {
        random ^= random << 13;
        random ^= random >>> 7;
        random ^= random << 17;
        return random;
    }

    private void end(RuntimeException failure) {
        if (result.isDone()) {
            return;
        }
        calls.forEach(EpollRegistration::cancel);
        for (Future<?> timer : new Future<?>[] {ticks, patience}) {
            if (timer != null) {
                timer.cancel(false);
            }
        }
        if (failure != null) {
            result.completeExceptionally(failure);
        } else {
            long elapsedNs = Math.max(lastAnswerNs, endNs) - warmNs;
            result.complete(new LoadResult(plan, answered, !isTooSlow, elapsedNs, latencies, delays));
        }
    }
}
