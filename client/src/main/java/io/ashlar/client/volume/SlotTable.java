package io.ashlar.client.volume;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.client.range.HoldPool;
import io.ashlar.client.range.RangeClaim;
import io.ashlar.client.range.RangeOwner;
import io.ashlar.client.range.RangeTable;
import io.ashlar.client.range.WakeList;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;

/**
 * The request slots of one queue, each in exactly one of these places:
 *
 * <pre>
 *            submitted                        connection ready                 answered
 *   free ---------------> heldBack -----> toSend ---------------> sent -------------------> free
 *     \                   (range taken)   ^ ^  ^                  | | |
 *      \------------------(range free)----+ |  +---- connection --+ | +-- try later --> paused --> toSend
 *                                           |        lost           |
 *                                           +--- bytes moved, ------+
 *                                                corrupt answer
 *   heldBack, toSend, paused --failed while unreachable--> abandoned --older requests have ended--> free
 * </pre>
 *
 * An abandoned slot has handed its request back, but holds its range: the node may still work it off.
 */
@ConfinedTo(LoopKind.DATA)
final class SlotTable {
    final SlotList heldBack = new SlotList();
    final SlotList toSend = new SlotList();
    final SlotList sent = new SlotList();
    final SlotList paused = new SlotList();
    final SlotList abandoned = new SlotList();

    private final RequestSlot[] slots;
    private final SlotList free = new SlotList();
    private final ByteBuf prefixes;

    SlotTable(int count, RangeTable table, RangeOwner owner, ByteBufAllocator allocator) {
        prefixes = allocator.directBuffer(count * RequestSlot.PREFIX_BYTES);
        prefixes.writerIndex(prefixes.capacity());
        HoldPool pool = new HoldPool(count);
        slots = new RequestSlot[count];
        for (int i = 0; i < count; i++) {
            slots[i] = new RequestSlot(i, new RangeClaim(table, owner, pool), prefixes);
            free.add(slots[i]);
        }
    }

    /** Returns the memory of all headers and checksum tables. */
    ByteBuf prefixes() {
        return prefixes;
    }

    int size() {
        return slots.length;
    }

    boolean hasFree() {
        return !free.isEmpty();
    }

    boolean allFree() {
        return free.count() == slots.length;
    }

    RequestSlot take() {
        return free.poll();
    }

    void giveBack(RequestSlot slot) {
        // The one used last is the one whose memory is in the cache.
        free.addFirst(slot);
    }

    /** Requests sent in an older incarnation have ended: nothing at the node refers to a slot. */
    void olderIncarnationEnded(WakeList woken) {
        for (RequestSlot slot = abandoned.poll(); slot != null; slot = abandoned.poll()) {
            slot.claim.end(woken);
            giveBack(slot);
        }
        for (RequestSlot slot = toSend.first(); slot != null; slot = slot.next) {
            slot.mayBeAtNode = false;
        }
    }

    /** Returns the slot that waits for the answer with this request id, or null. */
    RequestSlot sentWith(long requestId) {
        int index = RequestEncoder.indexOf(requestId);
        RequestSlot slot = index < slots.length ? slots[index] : null;
        return slot != null && slot.requestId == requestId && isIn(slot, sent) ? slot : null;
    }

    @SuppressWarnings("ReferenceEquality") // lists are identities
    boolean isIn(RequestSlot slot, SlotList list) {
        return slot.list == list;
    }

    /** Gives the memory back; all slots are free. */
    void release() {
        prefixes.release();
    }
}
