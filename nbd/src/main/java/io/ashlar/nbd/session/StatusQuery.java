package io.ashlar.nbd.session;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.block.BlockDevice;
import io.ashlar.base.block.BlockRuns;
import io.ashlar.base.loop.Loop;
import io.ashlar.base.status.Status;
import io.ashlar.nbd.wire.Command;
import io.ashlar.nbd.wire.CommandFlags;
import io.ashlar.nbd.wire.NbdError;
import io.ashlar.nbd.wire.RequestHeader;

/** One BLOCK_STATUS. Rare, so it may allocate. A device that can't tell what it holds holds data. */
@ConfinedTo(LoopKind.DATA)
final class StatusQuery {
    /** Runs of one answer; a client asks on from where the last one ends. */
    private static final int RUNS_MAX = 1024;

    private final Outcomes outcomes;
    private final Answers answers;
    private final long cookie;
    private final long offsetBytes;
    private final long lengthBytes;
    private final boolean one;
    private final long startNs;
    private long leadBytes;

    StatusQuery(Outcomes outcomes, Answers answers, RequestHeader header, long startNs) {
        this.outcomes = outcomes;
        this.answers = answers;
        this.startNs = startNs;
        cookie = header.cookie();
        offsetBytes = header.offsetBytes();
        lengthBytes = header.lengthBytes();
        one = (header.flags() & CommandFlags.REQ_ONE) != 0;
    }

    /** Asks the device about the blocks around the range. */
    void start(BlockDevice device, Loop loop) {
        int block = device.geometry().logicalBlockBytes();
        long from = offsetBytes & -block;
        leadBytes = offsetBytes - from;
        long length = ((offsetBytes + lengthBytes + block - 1) & -block) - from;
        device.blockStatus(from, length, new BlockRuns(one ? 1 : RUNS_MAX), loop, this::answer);
    }

    private void answer(Status status, BlockRuns runs) {
        NbdError error = status == Status.UNSUPPORTED ? NbdError.NONE : NbdError.of(status);
        if (!outcomes.isClosed()) {
            if (status == Status.UNSUPPORTED) {
                BlockRuns data = new BlockRuns(1);
                data.add(BlockRuns.Kind.DATA, Long.MAX_VALUE);
                answers.runs(cookie, data, 0, lengthBytes);
            } else if (status.isOk()) {
                answers.runs(cookie, runs, leadBytes, lengthBytes);
            } else {
                answers.plain(Command.BLOCK_STATUS, cookie, error);
            }
        }
        outcomes.statusEnded(error, lengthBytes, startNs);
    }
}
