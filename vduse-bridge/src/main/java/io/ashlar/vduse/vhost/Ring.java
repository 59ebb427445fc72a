package io.ashlar.vduse.vhost;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.vduse.device.QueueInfo;
import io.ashlar.vduse.vring.VringPosition;
import java.io.IOException;

/** What a front end has said of one virtqueue. It says so piece by piece, in an order of its own. */
@ConfinedTo(LoopKind.CONTROL)
final class Ring {
    /** Largest ring: the engine has a slot, with room for the longest request, for each entry. */
    static final int SIZE_MAX = 1024;

    private int size;
    private boolean addressed;
    private long descriptorUser;
    private long availUser;
    private long usedUser;
    private int base;
    private boolean enabled;
    private boolean settled;

    /** Sets the number of entries. */
    void setSize(int newSize) throws IOException {
        checkSize(newSize);
        size = newSize;
    }

    static void checkSize(int newSize) throws IOException {
        if (newSize < 1 || newSize > SIZE_MAX || Integer.bitCount(newSize) != 1) {
            throw new IOException("a ring of " + Integer.toUnsignedString(newSize)
                    + " entries, which is not a power of two up to " + SIZE_MAX);
        }
    }

    int size() {
        return size;
    }

    /** Sets where its parts are, in the front end's own addresses; returns whether that is news. */
    boolean setAddresses(long descriptor, long avail, long used) {
        boolean same = addressed && descriptor == descriptorUser && avail == availUser && used == usedUser;
        addressed = true;
        descriptorUser = descriptor;
        availUser = avail;
        usedUser = used;
        return !same;
    }

    /** Sets the index of the entry of the available ring that is fetched next. */
    void setBase(int newBase) throws IOException {
        if (newBase >>> 16 != 0) {
            throw new IOException("a ring base of " + Integer.toUnsignedString(newBase));
        }
        base = newBase;
    }

    /**
     * Remembers how far the queue has been worked, with nothing in flight any more. A chain that was fetched and never answered,
     * because it broke the queue, is the next one again.
     *
     * @param position null if it has not been worked
     */
    void setBaseTo(VringPosition position) {
        if (position != null) {
            base = position.usedIndex();
            settled = true;
        }
    }

    /** The ring is about to be served: its base means nothing until it stops. */
    void unsettle() {
        settled = false;
    }

    /** Returns whether it has been served, and its base says all of where it got to. */
    boolean isSettled() {
        return settled;
    }

    int base() {
        return base;
    }

    void setEnabled(boolean newEnabled) {
        enabled = newEnabled;
    }

    boolean isEnabled() {
        return enabled;
    }

    boolean isComplete() {
        return size > 0 && addressed;
    }

    /** Returns where the queue is, in guest addresses. */
    QueueInfo toInfo(GuestMemory memory) throws IOException {
        return new QueueInfo(
                size, memory.toGuest(descriptorUser), memory.toGuest(availUser), memory.toGuest(usedUser), base, true);
    }

    void reset() {
        size = 0;
        addressed = false;
        base = 0;
        enabled = false;
        settled = false;
    }
}
