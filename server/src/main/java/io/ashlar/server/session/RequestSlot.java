package io.ashlar.server.session;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.block.BlockRequest;
import io.ashlar.base.block.ChecksumList;
import io.ashlar.base.block.ScatterList;
import io.ashlar.base.status.Status;
import io.ashlar.protocol.frame.Limits;
import io.ashlar.protocol.frame.Opcode;
import io.netty.buffer.ByteBuf;

/**
 * One data request of a connection, from its frame to its answer. Slots belong to a loop and are used again; while one
 * is in use it belongs to its connection.
 */
@ConfinedTo(LoopKind.DATA)
final class RequestSlot extends BlockRequest {
    private final ScatterList memory = new ScatterList(1);
    private final ChecksumList table = new ChecksumList(Limits.CHECKSUMS_MAX);
    private RequestFlow flow;
    private OpenVolume volume;
    private Opcode opcode;
    private long requestId;
    private long startNs;
    private ByteBuf answerBuffer;
    private int answerIndex;
    private long answerSerial;
    private PinPool.Pin answerPin;
    private PinPool.Pin payloadPin;
    private boolean ended;

    /** Takes the slot into use for a request. */
    void begin(RequestFlow newFlow, OpenVolume newVolume, Opcode newOpcode, long newRequestId, long newStartNs) {
        flow = newFlow;
        volume = newVolume;
        opcode = newOpcode;
        requestId = newRequestId;
        startNs = newStartNs;
        answerSerial = -1;
        ended = false;
    }

    /** Lets go of everything; the slot may be used again. */
    void end() {
        flow = null;
        volume = null;
        answerBuffer = null;
        memory.clear();
    }

    /** Returns the slot's list of memory, emptied, to be filled with one piece. */
    ScatterList memory() {
        memory.clear();
        return memory;
    }

    ChecksumList table() {
        return table;
    }

    OpenVolume volume() {
        return volume;
    }

    Opcode opcode() {
        return opcode;
    }

    long requestId() {
        return requestId;
    }

    long startNs() {
        return startNs;
    }

    /** Returns whether the store has completed it. */
    boolean hasEnded() {
        return ended;
    }

    void reserved(ByteBuf buffer, int index, long serial) {
        answerBuffer = buffer;
        answerIndex = index;
        answerSerial = serial;
    }

    /** Returns the buffer with the place of a read's answer. */
    ByteBuf answerBuffer() {
        return answerBuffer;
    }

    int answerIndex() {
        return answerIndex;
    }

    /** Returns the number of the answer's place, or -1 where none is reserved. */
    long answerSerial() {
        return answerSerial;
    }

    void pinAnswer(PinPool.Pin pin) {
        answerPin = pin;
    }

    PinPool.Pin answerPin() {
        return answerPin;
    }

    void pinPayload(PinPool.Pin pin) {
        payloadPin = pin;
    }

    PinPool.Pin payloadPin() {
        return payloadPin;
    }

    @Override
    protected void onComplete(Status status) {
        ended = true;
        flow.completed(this, status);
    }
}
