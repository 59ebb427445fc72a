package io.ashlar.server.session;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.block.BlockGeometry;
import io.ashlar.base.block.BlockRuns;
import io.ashlar.base.status.Status;
import io.ashlar.protocol.message.BlockStatusAnswer;
import io.ashlar.store.volume.StoredQueue;

/**
 * One BLOCK_STATUS: what a range of a volume holds, as far as one answer tells it. It changes nothing, so nobody waits for it:
 * the use of the volume may end before it, and the next begin. It breaks off then, as soon as the disk lets it; the files stay
 * open for it (StoredVolume.close waits).
 */
@ConfinedTo(LoopKind.DATA)
final class BlockStatusRequest {
    /** Runs of one answer: at most 12 bytes each, far below the payload limit of 64 KiB. */
    private static final int RUNS_MAX = 1024;

    private final OpenVolume volume;

    BlockStatusRequest(OpenVolume volume) {
        this.volume = volume;
    }

    /** Asks the store, then answers the call. */
    void start(long offsetBytes, long lengthBytes, ControlRequests.Call call) {
        BlockGeometry geometry = volume.geometry();
        if (volume.state() == OpenVolume.State.FENCED) {
            refuse(call, Status.FENCED);
        } else if (offsetBytes > geometry.sizeBytes() || lengthBytes > geometry.sizeBytes() - offsetBytes) {
            refuse(call, Status.OUT_OF_RANGE);
        } else if (((offsetBytes | lengthBytes) & (geometry.logicalBlockBytes() - 1)) != 0) {
            refuse(call, Status.MISALIGNED);
        } else if (volume.queue() instanceof StoredQueue queue) {
            queue.blockStatus(offsetBytes, lengthBytes, RUNS_MAX, volume::isOpen, (status, runs) -> {
                if (status.isOk()) {
                    call.answer(volume.handle(), message(runs));
                } else {
                    refuse(call, volume.state() == OpenVolume.State.FENCED ? Status.FENCED : status);
                }
            });
        } else {
            refuse(call, Status.UNSUPPORTED);
        }
    }

    private void refuse(ControlRequests.Call call, Status status) {
        call.refuse(status, status.text(), null);
    }

    private static BlockStatusAnswer message(BlockRuns runs) {
        BlockStatusAnswer.Builder answer = BlockStatusAnswer.newBuilder();
        for (int i = 0; i < runs.count(); i++) {
            BlockStatusAnswer.State state =
                    switch (runs.kind(i)) {
                        case ABSENT -> BlockStatusAnswer.State.STATE_ABSENT;
                        case ZERO -> BlockStatusAnswer.State.STATE_ZERO;
                        case DATA -> BlockStatusAnswer.State.STATE_DATA;
                    };
            answer.addRuns(BlockStatusAnswer.Run.newBuilder()
                    .setLengthBytes(runs.lengthBytes(i))
                    .setState(state));
        }
        return answer.build();
    }
}
