package io.ashlar.protocol.codec;

import io.ashlar.protocol.frame.FrameFault;
import io.ashlar.protocol.frame.FrameHeader;
import io.ashlar.protocol.frame.Limits;
import io.netty.buffer.ByteBuf;
import java.util.ArrayList;
import java.util.List;

/** Keeps copies of what a decoder hands over. */
final class RecordingHandler implements FrameHandler {
    final List<byte[]> frames = new ArrayList<>();
    final List<FrameFault> faults = new ArrayList<>();
    int batches;
    int closed;
    int framesWanted = Integer.MAX_VALUE;
    long faultyRequestId = -1;

    @Override
    public boolean onFrame(FrameHeader header, ByteBuf memory, int payloadIndex, int payloadBytes) {
        byte[] frame = new byte[Limits.HEADER_BYTES + payloadBytes];
        memory.getBytes(payloadIndex - Limits.HEADER_BYTES, frame);
        frames.add(frame);
        return frames.size() < framesWanted;
    }

    @Override
    public void onBatchEnd() {
        batches++;
    }

    @Override
    public void onFault(FrameFault fault, long requestId) {
        faults.add(fault);
        faultyRequestId = requestId;
    }

    @Override
    public void onClosed() {
        closed++;
    }
}
