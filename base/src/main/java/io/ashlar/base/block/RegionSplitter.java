package io.ashlar.base.block;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.status.Status;
import java.util.function.LongSupplier;

/**
 * Cuts requests for a queue that takes reads and writes only inside one 1 MiB region, and write-zeroes and discards only
 * inside one extent. Most requests fit and pass through untouched. The parts of a larger one run side by side, from a
 * fixed pool; when that is used up, requests wait in order. A request that was cut ends with the first error of its
 * parts, after all of them have ended. A request that brings checksums must fit: they are not cut.
 */
@ConfinedTo(LoopKind.DATA)
public final class RegionSplitter implements BlockQueue {
    private final BlockQueue below;
    private final LongSupplier time;
    private final Part[] freeParts;
    private final Whole[] freeWholes;
    private int freePartCount;
    private int freeWholeCount;
    private final RequestList waiting = new RequestList();
    private Whole current;
    private boolean cutting;

    /**
     * Creates a splitter.
     *
     * @param below takes the parts; closed with this queue
     * @param partsMax how many parts may be in flight at a time
     * @param segmentsMax the most segments that a request's memory has
     */
    public RegionSplitter(BlockQueue below, int partsMax, int segmentsMax) {
        this(below, partsMax, segmentsMax, () -> 0);
    }

    /**
     * Creates a splitter that notes when requests are submitted, so that their parts age from then on.
     *
     * @param time the time of the queue below
     */
    public RegionSplitter(BlockQueue below, int partsMax, int segmentsMax, LongSupplier time) {
        this.below = below;
        this.time = time;
        freeParts = new Part[partsMax];
        // Each request being cut has a part in flight, so there can't be more of them than parts.
        freeWholes = new Whole[partsMax];
        for (int i = 0; i < partsMax; i++) {
            freeParts[i] = new Part(segmentsMax);
            freeWholes[i] = new Whole();
        }
        freePartCount = partsMax;
        freeWholeCount = partsMax;
    }

    @Override
    public void submit(BlockRequest request) {
        request.submittedAt(time.getAsLong());
        if (lengthOfPart(request, request.offsetBytes()) == request.lengthBytes()) {
            below.submit(request);
        } else {
            waiting.add(request);
            cut();
        }
    }

    @Override
    public void endBatch() {
        below.endBatch();
    }

    @Override
    public void close() {
        below.close();
    }

    /** Returns how much of the request from the offset on may go into one part. */
    private static long lengthOfPart(BlockRequest request, long from) {
        long rest = request.endBytes() - from;
        return switch (request.operation()) {
            case READ, WRITE -> BlockGeometry.lengthInRegion(from, rest);
            case WRITE_ZEROES, DISCARD -> BlockGeometry.lengthInExtent(from, rest);
            case FLUSH -> rest;
        };
    }

    private boolean hasWork() {
        return freePartCount > 0 && (current != null || !waiting.isEmpty());
    }

    private void cut() {
        if (cutting) {
            return; // a part completed inside submit: the loop below goes on with it, the stack stays flat
        }
        cutting = true;
        while (hasWork()) {
            if (current == null) {
                current = freeWholes[--freeWholeCount];
                current.start(waiting.poll());
            }
            Part part = freeParts[--freePartCount];
            if (current.nextInto(part)) {
                current = null;
            }
            below.submit(part);
        }
        cutting = false;
    }

    private void partEnded(Part part, Status status) {
        Whole whole = part.whole;
        freeParts[freePartCount++] = part;
        if (whole.partEnded(status)) {
            freeWholes[freeWholeCount++] = whole;
            whole.request.complete(whole.status);
        }
        if (!cutting && hasWork()) {
            cut();
            below.endBatch();
        }
    }

    /** A request that is being cut. */
    private static final class Whole {
        private BlockRequest request;
        private long next;
        private int inFlight;
        private Status status;

        void start(BlockRequest newRequest) {
            request = newRequest;
            next = newRequest.offsetBytes();
            inFlight = 0;
            status = Status.OK;
        }

        /** Makes the part the next piece; returns whether it is the last. */
        boolean nextInto(Part part) {
            long length = lengthOfPart(request, next);
            part.whole = this;
            part.submittedAt(request.submittedNs());
            if (request.operation().carriesData()) {
                part.memory.clear();
                part.memory.addPartOf(request.data(), (int) (next - request.offsetBytes()), (int) length);
                part.setData(request.operation(), next, part.memory, request.flags());
            } else {
                part.set(request.operation(), next, length, request.flags());
            }
            next += length;
            inFlight++;
            return next == request.endBytes();
        }

        /** Counts a part off; returns whether it was the last one of all. */
        boolean partEnded(Status partStatus) {
            inFlight--;
            if (status.isOk()) {
                status = partStatus;
            }
            return inFlight == 0 && next == request.endBytes();
        }
    }

    /** A piece of a request, as the queue below sees it. */
    private final class Part extends BlockRequest {
        private final ScatterList memory;
        private Whole whole;

        Part(int segmentsMax) {
            memory = new ScatterList(segmentsMax);
        }

        @Override
        protected void onComplete(Status status) {
            partEnded(this, status);
        }
    }
}
