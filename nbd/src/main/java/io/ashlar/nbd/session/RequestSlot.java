package io.ashlar.nbd.session;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.block.BlockRequest;
import io.ashlar.base.block.Operation;
import io.ashlar.base.block.ScatterList;
import io.ashlar.base.status.Status;
import io.ashlar.nbd.wire.Command;
import io.netty.buffer.ByteBuf;

/**
 * A request, or a piece of a long one, on its way through the device. Slots belong to a loop and are used again; while one
 * is in use it belongs to its connection. It holds a reference to the memory that the device uses.
 */
@ConfinedTo(LoopKind.DATA)
final class RequestSlot extends BlockRequest {
    private final ScatterList list = new ScatterList(1);
    private RequestFlow flow;
    private Whole whole;
    private Command command;
    private long cookie;
    private long startNs;
    private ByteBuf memory;
    private int dataIndex;
    private int dataBytes;
    private boolean alone;

    /** Takes the slot into use for a request, or for a piece of one. */
    void begin(RequestFlow newFlow, Whole newWhole, Command newCommand, long newCookie, long newStartNs) {
        flow = newFlow;
        whole = newWhole;
        command = newCommand;
        cookie = newCookie;
        startNs = newStartNs;
    }

    /** Lets go of everything but the memory, which {@link #takeMemory} hands out. */
    void end() {
        flow = null;
        whole = null;
        alone = false;
        list.clear();
    }

    /**
     * Makes it a read of the range into the buffer at the index; takes over a reference to the buffer.
     *
     * @param leadBytes what the client has not asked for in front of its data, because the device reads whole blocks
     * @param wantedBytes what the client has asked for
     */
    void setRead(long offsetBytes, ByteBuf buffer, int index, int lengthBytes, int leadBytes, int wantedBytes) {
        memory = buffer;
        dataIndex = index + leadBytes;
        dataBytes = wantedBytes;
        list.add(buffer, index, lengthBytes);
        setData(Operation.READ, offsetBytes, list, 0);
    }

    /** Makes it a write of the buffer's bytes at the index; holds a reference to the buffer. */
    void setWrite(long offsetBytes, ByteBuf buffer, int index, int lengthBytes, int flags) {
        memory = buffer.retain();
        list.add(buffer, index, lengthBytes);
        setData(Operation.WRITE, offsetBytes, list, flags);
    }

    /** Says that it was let in alone, to be rewritten. */
    void setAlone() {
        alone = true;
    }

    boolean isAlone() {
        return alone;
    }

    /** Returns the long request that it is a piece of, or null. */
    Whole whole() {
        return whole;
    }

    Command command() {
        return command;
    }

    long cookie() {
        return cookie;
    }

    /** Returns when the request was decoded. */
    long startNs() {
        return startNs;
    }

    /** Returns where the bytes that the client asked for start in the memory. */
    int dataIndex() {
        return dataIndex;
    }

    int dataBytes() {
        return dataBytes;
    }

    /** Returns the offset of the bytes that the client asked for. */
    long dataOffsetBytes() {
        return offsetBytes() + dataIndex - list.offset(0);
    }

    /** Hands the reference to the memory out, or null. */
    ByteBuf takeMemory() {
        ByteBuf taken = memory;
        memory = null;
        return taken;
    }

    @Override
    protected void onComplete(Status status) {
        flow.completed(this, status);
    }
}
