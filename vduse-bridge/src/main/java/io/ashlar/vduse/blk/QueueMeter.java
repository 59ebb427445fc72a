package io.ashlar.vduse.blk;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.time.Clock;
import io.ashlar.vduse.vring.SplitVirtqueue;

/**
 * The stop-watch of one virtqueue's engine. It reads the clock once per batch and stage, never per request: when a turn
 * begins, when its batch has been handed to the volume, when the first answer of a batch comes, when a batch is in the used
 * ring.
 */
@ConfinedTo(LoopKind.DATA)
final class QueueMeter {
    private final Clock clock;
    private final QueueCounters counters;
    private final VirtioBlkRequest[] batch = new VirtioBlkRequest[VirtioBlkQueue.CHAINS_PER_TURN];
    private int batchCount;
    private long offeredNs;
    private long answeredNs;
    private long publishedNs;
    private boolean answering;

    QueueMeter(Clock clock, QueueCounters counters) {
        this.clock = clock;
        this.counters = counters;
    }

    /** A kick is taken up. */
    void kicked() {
        offeredNs = clock.nowNs();
    }

    /** A chain has been fetched, whatever becomes of it. */
    void fetched(VirtioBlkRequest request) {
        request.offeredNs = offeredNs;
        request.submitted = false;
        request.sent = false;
    }

    /** A request goes to the volume, with the batch. */
    void submitted(VirtioBlkRequest request) {
        request.submitted = true;
        batch[batchCount++] = request;
    }

    /** The batch is with the volume. What is fetched next was offered by now. */
    void sent() {
        if (batchCount == 0) {
            return;
        }
        long nowNs = clock.nowNs();
        for (int i = 0; i < batchCount; i++) {
            batch[i].sentNs = nowNs;
            batch[i].sent = true;
        }
        counters.took(QueueStage.SUBMIT, nowNs - offeredNs, batchCount);
        counters.add(QueueFigure.BATCHES, 1);
        batchCount = 0;
        offeredNs = nowNs;
    }

    /** The volume is done with a request. */
    void answered(VirtioBlkRequest request) {
        if (!answering) {
            answering = true;
            answeredNs = clock.nowNs();
        }
        request.answeredNs = answeredNs;
        // One that ended before its batch was sent took the volume no time worth telling.
        counters.took(QueueStage.NODE, request.sent ? answeredNs - request.sentNs : 0, 1);
    }

    /** What was pushed is in the used ring. */
    void published() {
        publishedNs = clock.nowNs();
    }

    /** Counts what was published; behind the interrupt, which shall not wait for it. */
    void countPublished(SplitVirtqueue vring, VirtioBlkRequest[] slots) {
        int count = vring.publishedCount();
        for (int i = 0; i < count; i++) {
            VirtioBlkRequest request = slots[vring.publishedHead(i)];
            if (request.submitted) {
                counters.took(QueueStage.COMPLETE, publishedNs - request.answeredNs, 1);
            }
            counters.took(request.kind, publishedNs - request.offeredNs);
        }
        counters.add(QueueFigure.PUBLICATIONS, 1);
    }

    /** A batch of submissions and answers has ended. */
    void settled(int inFlightCount) {
        answering = false;
        counters.set(QueueFigure.IN_FLIGHT, inFlightCount);
    }

    /** Requests in flight will not be answered; nothing is counted from now on. */
    void cutOff(int inFlightCount) {
        counters.add(QueueFigure.CUT_OFF, inFlightCount);
        counters.set(QueueFigure.IN_FLIGHT, 0);
    }
}
