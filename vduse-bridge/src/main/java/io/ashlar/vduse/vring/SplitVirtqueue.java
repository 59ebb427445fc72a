package io.ashlar.vduse.vring;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.vduse.inflight.InflightException;
import io.ashlar.vduse.inflight.QueueRegion;

/**
 * The device side of one split virtqueue (virtio 1.2, 2.7): {@link #pop} takes what the driver offers, {@link #push} and
 * {@link #publish} hand it back, {@link #disableKicks} and {@link #enableKicks} suppress kicks.
 *
 * <p>The driver is hostile until proven otherwise. Everything it wrote is copied once, then checked; a chain has a bounded
 * length, so a loop of descriptors ends. After the first broken rule ({@link #fault()}) nothing is fetched any more; what is
 * in flight can still be handed back. Touches the rings only in its methods, so the rings may be unmapped once the owner has
 * stopped calling.
 */
@ConfinedTo(LoopKind.DATA)
public final class SplitVirtqueue {
    /**
     * Descriptors that a chain with an indirect table may have whatever the queue size: drivers make chains as long as
     * seg_max allows (126 data segments, header and status) even where the queue turned out shorter than asked.
     */
    public static final int INDIRECT_CHAIN_MIN = 128;

    private static final int U16 = 0xFFFF;

    /** Outcome of {@link #pop}. */
    public enum Pop {
        /** The chain has been filled in. */
        CHAIN,
        /** Nothing is offered. */
        EMPTY,
        /** The driver broke a rule, now or earlier; see {@link #fault()}. */
        BROKEN
    }

    private final int size;
    private final VringOptions options;
    private final MemoryMap memory;
    private final DescriptorTable descriptors;
    private final AvailRing avail;
    private final UsedRing used;
    private final IndirectTable indirect;
    private final QueueRegion log;
    /** Chains that an earlier owner of the queue had in flight, in the order in which it fetched them. */
    private int[] outstanding = {};

    private final boolean[] inFlight;
    /** The head in each entry of the used ring, for ourselves: what lies in the ring the driver may have changed. */
    private final int[] usedHeads;

    private int outstandingTaken;
    private int inFlightCount;
    private int availIndex;
    private int availIndexSeen;
    private int usedIndex;
    private int usedIndexPublished;
    private int publishedCount;
    private boolean calledOnce;
    /** So it is until we say something else (virtio 1.2, 2.7.7). */
    private boolean kicksEnabled = true;

    private VringFault fault;

    /**
     * Opens a queue where its driver has put it, without a log that a successor could read.
     *
     * @param position where to go on; {@link VringPosition#START} after a reset
     * @param memory the loop's map; borrowed, with the regions of the rings, as long as the queue is used
     * @throws VringException if a ring is not mapped in one piece, or misaligned
     */
    public SplitVirtqueue(VringLayout layout, VringOptions options, VringPosition position, MemoryMap memory)
            throws VringException {
        this(layout, options, memory, QueueRegion.ofThisProcess(layout.size()));
        log.reset(size, position.usedIndex());
        goOnAt(position);
    }

    private SplitVirtqueue(VringLayout layout, VringOptions options, MemoryMap memory, QueueRegion log)
            throws VringException {
        size = layout.size();
        this.options = options;
        this.memory = memory;
        this.log = log;
        // Alignments: virtio 1.2, 2.7
        descriptors = new DescriptorTable(memory.ring(layout.descriptorIova(), layout.descriptorBytes(), 16, false));
        avail = new AvailRing(memory.ring(layout.availIova(), layout.availBytes(), 2, false), size);
        used = new UsedRing(memory.ring(layout.usedIova(), layout.usedBytes(), 4, true), size);
        indirect = new IndirectTable(chainMax());
        inFlight = new boolean[size];
        usedHeads = new int[size];
    }

    /**
     * Opens a queue where the log and the used ring say that its latest owner got to, be it alive, dead, or none yet. What that
     * one had in flight comes from {@link #pop} first, in the order in which it was fetched; the next chain fetched from the
     * avail ring is number used.idx + what is in flight, since everything fetched is either.
     *
     * @param log valid; the queue becomes its only user
     * @throws VringException if a ring is not mapped in one piece, or misaligned
     * @throws InflightException if log and rings don't fit together
     */
    public static SplitVirtqueue recover(VringLayout layout, VringOptions options, MemoryMap memory, QueueRegion log)
            throws VringException, InflightException {
        SplitVirtqueue queue = new SplitVirtqueue(layout, options, memory, log);
        int usedIndex = queue.used.index();
        queue.outstanding = log.recover(queue.size, usedIndex, queue.used::id);
        int count = queue.outstanding.length;
        queue.goOnAt(new VringPosition((usedIndex + count) & U16, usedIndex));
        if (((queue.avail.index() - queue.availIndex) & U16) > queue.size - count) {
            throw new InflightException(
                    "the log says that " + count + " requests are in flight, more than the driver has offered");
        }
        return queue;
    }

    /**
     * Returns the used ring's index: how much has been answered; for whoever begins the log of a queue.
     *
     * @throws VringException if the ring is not mapped in one piece, or misaligned
     */
    public static int usedIndex(VringLayout layout, MemoryMap memory) throws VringException {
        return new UsedRing(memory.ring(layout.usedIova(), layout.usedBytes(), 4, true), layout.size()).index();
    }

    /**
     * Returns the index of both rings, of a queue that no log tells of.
     *
     * @throws InflightException if they differ: then requests are in flight, and the rings do not say which
     */
    public static int settledIndex(VringLayout layout, MemoryMap memory) throws VringException, InflightException {
        AvailRing offered =
                new AvailRing(memory.ring(layout.availIova(), layout.availBytes(), 2, false), layout.size());
        int usedIndex = usedIndex(layout, memory);
        int count = (offered.index() - usedIndex) & U16;
        if (count != 0) {
            throw new InflightException(count + " requests are in flight, and without their log nobody knows which;"
                    + " only a restart of the host ends them");
        }
        return usedIndex;
    }

    private void goOnAt(VringPosition position) {
        availIndex = position.availIndex();
        availIndexSeen = availIndex;
        usedIndex = position.usedIndex();
        usedIndexPublished = usedIndex;
    }

    /** Creates a chain with room for the longest that {@link #pop} returns. */
    public DescriptorChain newChain() {
        return new DescriptorChain(chainMax());
    }

    private int chainMax() {
        return options.indirect() ? Math.max(size, INDIRECT_CHAIN_MIN) : size;
    }

    /** Fetches the next chain: one left by an earlier owner, else one that the driver offers; in flight until {@link #push}. */
    public Pop pop(DescriptorChain chain) {
        if (outstandingTaken < outstanding.length && fault == null) {
            return popOutstanding(chain);
        }
        if (fault == null && availIndex == availIndexSeen) {
            lookForMore();
        }
        if (fault != null) {
            return Pop.BROKEN;
        }
        if (availIndex == availIndexSeen) {
            return Pop.EMPTY;
        }
        int head = avail.head(availIndex);
        fault = fetch(head, chain);
        if (fault != null) {
            return Pop.BROKEN;
        }
        log.fetched(head);
        availIndex = (availIndex + 1) & U16;
        return Pop.CHAIN;
    }

    /** Keeps its number in the log: a successor that gets cut off here must find the old order. */
    private Pop popOutstanding(DescriptorChain chain) {
        fault = fetch(outstanding[outstandingTaken++], chain);
        return fault == null ? Pop.CHAIN : Pop.BROKEN;
    }

    /** Returns how many chains of an earlier owner are still to be fetched; they come before all others. */
    public int outstandingCount() {
        return outstanding.length - outstandingTaken;
    }

    private void lookForMore() {
        int index = avail.index();
        int ahead = (index - availIndex) & U16;
        if (ahead > size - inFlightCount) {
            fault = VringFault.AVAIL_INDEX_JUMP;
        } else {
            availIndexSeen = index;
        }
    }

    private VringFault fetch(int head, DescriptorChain chain) {
        if (head >= size) {
            return VringFault.HEAD_OUT_OF_RANGE;
        }
        if (inFlight[head]) {
            return VringFault.HEAD_IN_FLIGHT;
        }
        chain.reset(head);
        VringFault wrong = copy(descriptors, size, head, chain);
        if (wrong == null) {
            inFlight[head] = true;
            inFlightCount++;
        }
        return wrong;
    }

    /** Copies the rest of a chain from a table of {@code tableSize} entries; a loop is a chain that is too long. */
    private VringFault copy(DescriptorTable table, int tableSize, int start, DescriptorChain chain) {
        int index = start;
        for (int visited = 0; visited < tableSize; visited++) {
            int flags = table.flags(index);
            if ((flags & DescriptorTable.INDIRECT) != 0) {
                return copyIndirect(table, index, flags, chain);
            }
            boolean writable = (flags & DescriptorTable.WRITE) != 0;
            int next = table.next(index);
            VringFault wrong = chain.add(table.address(index), table.lengthBytes(index), writable);
            if (wrong != null || (flags & DescriptorTable.NEXT) == 0) {
                return wrong;
            }
            if (next >= tableSize) {
                return VringFault.NEXT_OUT_OF_RANGE;
            }
            index = next;
        }
        return VringFault.CHAIN_TOO_LONG;
    }

    /** A table may follow direct descriptors and ends the chain; its WRITE flag is ignored (virtio 1.2, 2.7.5.3.2). */
    private VringFault copyIndirect(DescriptorTable table, int index, int flags, DescriptorChain chain) {
        if (!options.indirect()) {
            return VringFault.INDIRECT_NOT_NEGOTIATED;
        }
        if (table == indirect.table() || (flags & DescriptorTable.NEXT) != 0) {
            return VringFault.INDIRECT_NESTED;
        }
        long lengthBytes = table.lengthBytes(index);
        VringFault wrong = indirect.load(table.address(index), lengthBytes, memory);
        if (wrong != null) {
            return wrong;
        }
        return copy(indirect.table(), (int) (lengthBytes / DescriptorTable.ENTRY_BYTES), 0, chain);
    }

    /**
     * Hands a chain back; the driver sees it after {@link #publish}.
     *
     * @param writtenBytes how much was written to the chain, status included
     * @throws IllegalStateException if the chain is not in flight: a mistake of the caller
     */
    public void push(int head, int writtenBytes) {
        if (!inFlight[head]) {
            throw new IllegalStateException("chain " + head + " is not in flight");
        }
        inFlight[head] = false;
        inFlightCount--;
        used.set(usedIndex, head, writtenBytes);
        usedHeads[usedIndex & (size - 1)] = head;
        usedIndex = (usedIndex + 1) & U16;
        log.pushed(head);
    }

    /** Shows the driver everything pushed; returns whether it wants to be called for it (virtio 1.2, 2.7.7.2). */
    public boolean publish() {
        int old = usedIndexPublished;
        publishedCount = Math.min(size, (usedIndex - old) & U16);
        if (usedIndex == old) {
            return false;
        }
        used.publish(usedIndex);
        usedIndexPublished = usedIndex;
        for (int i = 0; i < publishedCount; i++) {
            log.published(publishedHead(i));
        }
        log.batchPublished(usedIndex);
        UsedRing.fence();
        if (!options.eventIdx()) {
            return !avail.callsDisabled();
        }
        // What an earlier owner of the queue decided is unknown: one call too many is harmless, one too few is not.
        boolean first = !calledOnce;
        calledOnce = true;
        return first || ((usedIndex - avail.usedEvent() - 1) & U16) < ((usedIndex - old) & U16);
    }

    /** Returns how many chains the latest {@link #publish} has handed back; of a driver that cheats, the last few. */
    public int publishedCount() {
        return publishedCount;
    }

    /** Returns the head of one of them, the newest first. */
    public int publishedHead(int index) {
        return usedHeads[(usedIndexPublished - 1 - index) & (size - 1)];
    }

    /** Asks the driver to leave out kicks; one may come nevertheless. With EVENT_IDX by an avail_event that is behind it. */
    public void disableKicks() {
        if (!kicksEnabled) {
            return;
        }
        kicksEnabled = false;
        if (options.eventIdx()) {
            used.setAvailEvent((availIndex - 1) & U16);
        } else {
            used.setKicksDisabled(true);
        }
    }

    /**
     * Asks for a kick with the next chain offered (virtio 1.2, 2.7.10).
     *
     * @return whether more was offered before the driver could see that; no kick comes for it
     */
    public boolean enableKicks() {
        kicksEnabled = true;
        if (options.eventIdx()) {
            used.setAvailEvent(availIndex);
        } else {
            used.setKicksDisabled(false);
        }
        UsedRing.fence();
        return isOffered();
    }

    /** Returns whether the driver offers more than was fetched. */
    public boolean isOffered() {
        return fault == null && avail.index() != availIndex;
    }

    /** Gives the queue up for a reason that its user found in a chain, unless it is broken already. */
    public void breakWith(VringFault reason) {
        if (fault == null) {
            fault = reason;
        }
    }

    /** Returns why the queue is broken, or null. */
    public VringFault fault() {
        return fault;
    }

    /** Returns the number of entries. */
    public int size() {
        return size;
    }

    /** Returns the chains fetched and not yet handed back. */
    public int inFlightCount() {
        return inFlightCount;
    }

    /** Returns how far the queue has been worked; with nothing in flight another owner can go on from there. */
    public VringPosition position() {
        return new VringPosition(availIndex, usedIndexPublished);
    }
}
