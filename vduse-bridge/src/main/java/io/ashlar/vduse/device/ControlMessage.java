package io.ashlar.vduse.device;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;

/**
 * {@code struct vduse_dev_request} and {@code vduse_dev_response} (linux/vduse.h), 152 bytes each; the answer is
 * written over the request it answers.
 *
 * <pre>
 *   request  : type 0:4 | request_id 4:4 | reserved 8:16 | payload 24:128
 *   response : request_id 0:4 | result 4:4 | reserved 8:16, zero | payload 24:128
 *   payloads : vq_state {index 24:4, avail_index 28:2} | status 24:1 | iova {start 24:8, last 32:8}
 * </pre>
 */
@ConfinedTo(LoopKind.CONTROL)
final class ControlMessage extends KernelStruct {
    static final int SIZE_BYTES = 152;
    /** VDUSE_GET_VQ_STATE. */
    static final int GET_VQ_STATE = 0;
    /** VDUSE_SET_STATUS. */
    static final int SET_STATUS = 1;
    /** VDUSE_UPDATE_IOTLB. */
    static final int UPDATE_IOTLB = 2;
    /** VDUSE_REQ_RESULT_OK. */
    static final int RESULT_OK = 0;
    /** VDUSE_REQ_RESULT_FAILED. */
    static final int RESULT_FAILED = 1;

    static final int TYPE_OFFSET = 0;
    static final int REQUEST_ID_OFFSET = 4;
    static final int RESPONSE_ID_OFFSET = 0;
    static final int RESULT_OFFSET = 4;
    static final int PAYLOAD_OFFSET = 24;
    static final int AVAIL_INDEX_OFFSET = 28;
    static final int IOVA_LAST_OFFSET = 32;

    ControlMessage() {
        super(SIZE_BYTES);
    }

    int type() {
        return memory.getIntLE(TYPE_OFFSET);
    }

    int requestId() {
        return memory.getIntLE(REQUEST_ID_OFFSET);
    }

    int queueIndex() {
        return memory.getIntLE(PAYLOAD_OFFSET);
    }

    int status() {
        return memory.getUnsignedByte(PAYLOAD_OFFSET);
    }

    long iovaStart() {
        return memory.getLongLE(PAYLOAD_OFFSET);
    }

    long iovaLast() {
        return memory.getLongLE(IOVA_LAST_OFFSET);
    }

    /** Turns this into the answer to the request with that id. */
    ControlMessage answer(int requestId, boolean ok) {
        clear();
        memory.setIntLE(RESPONSE_ID_OFFSET, requestId);
        memory.setIntLE(RESULT_OFFSET, ok ? RESULT_OK : RESULT_FAILED);
        return this;
    }

    /** Adds the state of a virtqueue to the answer. */
    ControlMessage queueState(int index, int availIndex) {
        memory.setIntLE(PAYLOAD_OFFSET, index);
        memory.setShortLE(AVAIL_INDEX_OFFSET, availIndex);
        return this;
    }
}
