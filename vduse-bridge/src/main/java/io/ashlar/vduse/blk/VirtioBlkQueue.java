package io.ashlar.vduse.blk;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.block.BlockDevice;
import io.ashlar.base.block.BlockGeometry;
import io.ashlar.base.block.BlockQueue;
import io.ashlar.base.block.Operation;
import io.ashlar.base.block.RequestList;
import io.ashlar.base.block.ScatterList;
import io.ashlar.base.loop.Loop;
import io.ashlar.base.loop.MemorySource;
import io.ashlar.base.status.Status;
import io.ashlar.vduse.vring.DescriptorChain;
import io.ashlar.vduse.vring.MemoryMap;
import io.ashlar.vduse.vring.SplitVirtqueue;
import io.ashlar.vduse.vring.SplitVirtqueue.Pop;
import io.ashlar.vduse.vring.VringPosition;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/**
 * The engine of one virtqueue of a virtio block device (virtio 1.2, 5.2): takes requests from the ring to a block queue and
 * answers them. One owner, one loop, from construction to the end of {@link #stop}; a queue that moves is drained here and
 * constructed anew there.
 *
 * <p>A turn fetches a batch of chains, submits their requests, ends the batch once and publishes what has completed; it looks
 * again until nothing is offered, or until it has used up its share. The loop looks at the ring from then on, and only before it
 * sleeps the driver is asked for a kick. Completions are published once per batch, with at most one call. Every request has one
 * way out: {@link #completed}.
 */
@ConfinedTo(LoopKind.DATA)
public final class VirtioBlkQueue {
    /** Chains fetched in one turn, so that a busy queue leaves room for the others of its loop. */
    static final int CHAINS_PER_TURN = 128;

    /** Segments beyond seg_max in a request: a descriptor may share header and data, or cross a window edge. */
    private static final int SEGMENTS_SPARE = 4;

    private enum State {
        /** Fetches and answers. */
        RUNNING,
        /** Answers what is in flight. */
        DRAINING,
        /** Waits for what is in flight. */
        ABANDONED,
        /** Has nothing in flight and touches no memory. */
        STOPPED
    }

    private final Loop loop;
    private final BlockDevice device;
    private final BlockQueue blockQueue;
    private final SplitVirtqueue vring;
    private final QueueEvents events;
    private final QueueCounters counters;
    private final QueueMeter meter;
    private final DescriptorChain chain;
    private final RequestReader reader;
    private final VirtioBlkRequest[] slots;
    private final RequestList unfinished = new RequestList();
    private final Ring ring = new Ring();
    private final List<Runnable> whenStopped = new ArrayList<>();

    private State state = State.RUNNING;
    private int inFlightCount;
    private boolean serving;
    private boolean submitted;
    private boolean busy;
    private boolean shareUsedUp;
    private boolean endPosted;
    private boolean faultReported;

    /**
     * Opens the block queue and allocates a slot per ring entry. Nothing is fetched before the first {@link #onKick}, which the
     * owner should call once unprompted: the driver may have offered requests before anybody listened.
     *
     * @param vring the opened rings; the queue becomes their only user
     * @param memory the loop's map of the driver's memory; borrowed until the queue has stopped
     * @param counters written by this queue only until it has stopped, or has been told to abandon what is in flight
     */
    public VirtioBlkQueue(
            Loop loop,
            BlockDevice device,
            VirtioBlkConfig config,
            SplitVirtqueue vring,
            MemoryMap memory,
            QueueEvents events,
            QueueCounters counters) {
        loop.assertInLoop();
        this.loop = loop;
        this.device = device;
        this.vring = vring;
        this.events = events;
        this.counters = counters;
        meter = new QueueMeter(loop.clock(), counters);
        chain = vring.newChain();
        reader = new RequestReader(config, memory, chain.descriptorsMax());
        slots = new VirtioBlkRequest[vring.size()];
        for (int head = 0; head < slots.length; head++) {
            slots[head] = new VirtioBlkRequest(this, head, config.segmentsMax() + SEGMENTS_SPARE);
        }
        blockQueue = device.openQueue(loop, this::completionsEnded);
    }

    /**
     * Serves what the driver has offered, from now on also what the loop sees without a kick. Nothing happens if a share was used
     * up: the loop is coming back.
     */
    public void onKick() {
        loop.assertInLoop();
        serving = true;
        if (state == State.RUNNING && !shareUsedUp) {
            takeTurn();
        }
    }

    /**
     * Submits what an earlier owner of the rings had in flight, in the order in which it was fetched, and fetches nothing new.
     * To be called before the first {@link #onKick}, and on all queues of a device before any of them gets one: what is new must
     * find the ranges of the old taken.
     *
     * @return how many requests that were
     */
    public int resubmit() {
        loop.assertInLoop();
        BlockGeometry geometry = device.geometry();
        int count = 0;
        busy = true;
        while (state == State.RUNNING && vring.fault() == null && vring.outstandingCount() > 0) {
            meter.kicked();
            count += fetch(Math.min(CHAINS_PER_TURN, vring.outstandingCount()), geometry);
            settle();
        }
        busy = false;
        reportFault();
        return count;
    }

    private void takeTurn() {
        if (!shareUsedUp) { // else what is fetched now was offered before
            meter.kicked();
        }
        BlockGeometry geometry = device.geometry();
        int share = CHAINS_PER_TURN;
        busy = true;
        vring.disableKicks();
        do {
            // A look that finds nothing counts too: a driver could flip its index for ever.
            share -= Math.max(1, fetch(share, geometry));
            settle();
        } while (share > 0 && vring.isOffered());
        busy = false;
        shareUsedUp = share <= 0;
        loop.watch(ring);
        reportFault();
    }

    private void reportFault() {
        if (vring.fault() != null && !faultReported) {
            faultReported = true;
            events.broken(vring.fault());
        }
    }

    private int fetch(int countMax, BlockGeometry geometry) {
        int count = 0;
        while (count < countMax && vring.pop(chain) == Pop.CHAIN) {
            count++;
            VirtioBlkRequest request = slots[chain.head()];
            meter.fetched(request);
            switch (reader.read(chain, request, geometry)) {
                case SUBMIT -> {
                    request.setInFlight(true);
                    inFlightCount++;
                    meter.submitted(request);
                    submit(request);
                }
                case ANSWER -> answer(request, reader.answer());
                case BREAK -> vring.breakWith(reader.fault());
            }
        }
        return count;
    }

    private void submit(VirtioBlkRequest request) {
        submitted = true;
        blockQueue.submit(request);
    }

    /** Takes a request back from the block queue; what it means is settled at the end of the batch. */
    void completed(VirtioBlkRequest request, Status status) {
        if (status == Status.OK && state != State.ABANDONED && request.nextRange()) {
            unfinished.add(request);
            return;
        }
        request.setInFlight(false);
        inFlightCount--;
        if (state != State.ABANDONED) {
            meter.answered(request);
            answer(request, VirtioBlkStatus.of(status));
        }
        if (inFlightCount == 0 && state != State.RUNNING && !endPosted) {
            endPosted = true;
            loop.execute(this::end); // not from inside the block queue, which gets closed
        }
    }

    private void answer(VirtioBlkRequest request, VirtioBlkStatus status) {
        counters.answered(request.kind, status, status == VirtioBlkStatus.OK ? request.volumeBytes() : 0);
        request.writeStatus(status);
        vring.push(request.head(), 1 + (status == VirtioBlkStatus.OK ? request.writtenBytes() : 0));
    }

    /** Runs after each batch of completions. Inside a turn there is nothing to do: the turn settles. */
    private void completionsEnded() {
        if (!busy && state != State.STOPPED) {
            busy = true;
            // Whoever gets the answers will offer more, and the loop is awake to see it.
            if (serving && state == State.RUNNING) {
                vring.disableKicks();
                loop.watch(ring);
            }
            settle();
            busy = false;
        }
    }

    /** Ends the batch of submissions, next ranges included, and publishes the completions. */
    private void settle() {
        submitUnfinished();
        while (submitted) {
            submitted = false;
            blockQueue.endBatch();
            submitUnfinished();
        }
        if (state != State.ABANDONED) {
            meter.sent();
            publish();
            meter.settled(inFlightCount);
        }
    }

    private void publish() {
        boolean call = vring.publish();
        if (vring.publishedCount() > 0) {
            meter.published();
            if (call) {
                events.call();
            }
            meter.countPublished(vring, slots);
        }
    }

    private void submitUnfinished() {
        while (!unfinished.isEmpty()) {
            submit((VirtioBlkRequest) unfinished.poll());
        }
    }

    /**
     * Stops fetching at once and ends the requests in flight as the mode says. A draining stop may be followed by an abandoning
     * one (a reset while the server is away); the callbacks of both run then.
     *
     * @param whenDrained run on the loop, perhaps before this method returns, when no request is in flight, the block queue is
     *     closed and neither it nor this queue touches the driver's memory any more
     */
    public void stop(StopMode mode, Runnable whenDrained) {
        loop.assertInLoop();
        whenStopped.add(whenDrained);
        if (state == State.STOPPED) {
            runCallbacks();
            return;
        }
        if (mode == StopMode.ABANDON && state != State.ABANDONED) {
            state = State.ABANDONED;
            loop.unwatch(ring);
            meter.cutOff(inFlightCount);
            blockQueue.close();
        } else if (state == State.RUNNING) {
            state = State.DRAINING;
            loop.unwatch(ring);
            boolean unused = vring.enableKicks(); // for the next owner, who may be no program of ours
        }
        if (inFlightCount == 0 && !endPosted) {
            end();
        }
    }

    /**
     * Visits the data of every write in flight: bytes of the driver's memory that may yet be read. For an owner that has to
     * give that memory back before the writes have ended.
     */
    public void forEachWriteInFlight(Consumer<ScatterList> visitor) {
        loop.assertInLoop();
        for (VirtioBlkRequest slot : slots) {
            if (slot.isInFlight() && slot.operation() == Operation.WRITE) {
                visitor.accept(slot.data());
            }
        }
    }

    private void end() {
        if (state == State.DRAINING) {
            settle();
            blockQueue.close();
        }
        state = State.STOPPED;
        for (VirtioBlkRequest slot : slots) {
            slot.release();
        }
        runCallbacks();
    }

    private void runCallbacks() {
        List<Runnable> callbacks = List.copyOf(whenStopped);
        whenStopped.clear();
        callbacks.forEach(Runnable::run);
    }

    /** Returns where another owner goes on, valid when a draining stop has ended. */
    public VringPosition position() {
        return vring.position();
    }

    /** The ring, as the loop looks at it between turns. */
    private final class Ring implements MemorySource {
        @Override
        public boolean hasWork() {
            return state == State.RUNNING && vring.isOffered();
        }

        @Override
        public void work() {
            if (state == State.RUNNING) {
                takeTurn();
            }
        }

        @Override
        public String toString() {
            return "a virtqueue of " + loop.name();
        }

        @Override
        public boolean arm() {
            boolean more = state == State.RUNNING && vring.fault() == null && vring.enableKicks();
            shareUsedUp &= more; // with nothing left the next kick is served at once
            return more;
        }
    }
}
