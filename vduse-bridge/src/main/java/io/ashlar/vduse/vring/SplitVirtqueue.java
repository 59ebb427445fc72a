package io.ashlar.vduse.vring;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;

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
    private final FetchOrder order;
    private final boolean[] inFlight;
    /** The head in each entry of the used ring, for ourselves: what lies in the ring the driver may have changed. */
    private final int[] usedHeads;

    private int inFlightCount;
    private int availIndex;
    private int availIndexSeen;
    private int usedIndex;
    private int usedIndexPublished;
    private int publishedCount;
    private boolean calledOnce;
    private VringFault fault;

    /**
     * Opens a queue where its driver has put it.
     *
     * @param position where to go on; {@link VringPosition#START} after a reset
     * @param memory the loop's map; borrowed, with the regions of the rings, as long as the queue is used
     * @throws VringException if a ring is not mapped in one piece, or misaligned
     */
    public SplitVirtqueue(VringLayout layout, VringOptions options, VringPosition position, MemoryMap memory)
            throws VringException {
        size = layout.size();
        this.options = options;
        this.memory = memory;
        // Alignments: virtio 1.2, 2.7
        descriptors = new DescriptorTable(memory.ring(layout.descriptorIova(), layout.descriptorBytes(), 16, false));
        avail = new AvailRing(memory.ring(layout.availIova(), layout.availBytes(), 2, false), size);
        used = new UsedRing(memory.ring(layout.usedIova(), layout.usedBytes(), 4, true), size);
        indirect = new IndirectTable(chainMax());
        order = options.inOrder() ? new FetchOrder(size) : null;
        inFlight = new boolean[size];
        usedHeads = new int[size];
        availIndex = position.availIndex();
        availIndexSeen = availIndex;
        usedIndex = position.usedIndex();
        usedIndexPublished = usedIndex;
    }

    /**
     * Returns the position after a crash of an owner that published in order ({@link VringOptions#inOrder()}): whatever is
     * offered from used.idx on is outstanding and gets fetched again.
     *
     * @throws VringException if the used ring is not mapped in one piece, or misaligned
     */
    public static VringPosition publishedPosition(VringLayout layout, MemoryMap memory) throws VringException {
        int index = new UsedRing(memory.ring(layout.usedIova(), layout.usedBytes(), 4, true), layout.size()).index();
        return new VringPosition(index, index);
    }

    /** Creates a chain with room for the longest that {@link #pop} returns. */
    public DescriptorChain newChain() {
        return new DescriptorChain(chainMax());
    }

    private int chainMax() {
        return options.indirect() ? Math.max(size, INDIRECT_CHAIN_MIN) : size;
    }

    /** Fetches the next chain that the driver offers; it is in flight until {@link #push}. */
    public Pop pop(DescriptorChain chain) {
        if (fault == null && availIndex == availIndexSeen) {
            lookForMore();
        }
        if (fault != null) {
            return Pop.BROKEN;
        }
        if (availIndex == availIndexSeen) {
            return Pop.EMPTY;
        }
        fault = fetch(avail.head(availIndex), chain);
        if (fault != null) {
            return Pop.BROKEN;
        }
        availIndex = (availIndex + 1) & U16;
        return Pop.CHAIN;
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
            if (order != null) {
                order.fetched(head);
            }
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
        if (order == null) {
            fill(head, writtenBytes);
            return;
        }
        order.completed(head, writtenBytes);
        for (int next = order.nextHead(); next >= 0; next = order.nextHead()) {
            fill(next, order.take());
        }
    }

    private void fill(int head, int writtenBytes) {
        inFlight[head] = false;
        inFlightCount--;
        used.set(usedIndex, head, writtenBytes);
        usedHeads[usedIndex & (size - 1)] = head;
        usedIndex = (usedIndex + 1) & U16;
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

    /** Asks the driver to leave out kicks. With EVENT_IDX there is nothing to do: avail_event stays behind. */
    public void disableKicks() {
        if (!options.eventIdx()) {
            used.setKicksDisabled(true);
        }
    }

    /**
     * Asks for a kick with the next chain offered (virtio 1.2, 2.7.10).
     *
     * @return whether more was offered before the driver could see that; no kick comes for it
     */
    public boolean enableKicks() {
        if (options.eventIdx()) {
            used.setAvailEvent(availIndex);
        } else {
            used.setKicksDisabled(false);
        }
        UsedRing.fence();
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

    /** Returns the chains fetched and not yet handed back; in order, those held back count too. */
    public int inFlightCount() {
        return inFlightCount;
    }

    /** Returns how far the queue has been worked; with nothing in flight another owner can go on from there. */
    public VringPosition position() {
        return new VringPosition(availIndex, usedIndexPublished);
    }
}
