package io.ashlar.nbd.session;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.status.Status;
import io.ashlar.nbd.wire.Command;

/** A request that is worked off in pieces; it ends with the first error of them, after all of them. Used again. */
@ConfinedTo(LoopKind.DATA)
final class Whole {
    private Command command;
    private long cookie;
    private int flags;
    private long startNs;
    private long lengthBytes;
    private long nextBytes;
    private long endBytes;
    private int piecesInFlight;
    private Status status;

    /** Begins a request of this range; the flags are those of {@code BlockRequest}. */
    Whole begin(
            Command newCommand, long newCookie, long offsetBytes, long newLengthBytes, int newFlags, long newStartNs) {
        command = newCommand;
        cookie = newCookie;
        flags = newFlags;
        startNs = newStartNs;
        lengthBytes = newLengthBytes;
        nextBytes = offsetBytes;
        endBytes = offsetBytes + newLengthBytes;
        piecesInFlight = 0;
        status = Status.OK;
        return this;
    }

    Command command() {
        return command;
    }

    long cookie() {
        return cookie;
    }

    int flags() {
        return flags;
    }

    /** Returns when the request was decoded. */
    long startNs() {
        return startNs;
    }

    /** Returns the length of the whole request. */
    long lengthBytes() {
        return lengthBytes;
    }

    /** Returns where the next piece starts. */
    long nextBytes() {
        return nextBytes;
    }

    /** Returns how much has not been begun. */
    long restBytes() {
        return endBytes - nextBytes;
    }

    /** Returns the first error, or OK. */
    Status status() {
        return status;
    }

    /** A piece of this length has begun. */
    void pieceBegan(long pieceBytes) {
        nextBytes += pieceBytes;
        piecesInFlight++;
    }

    /** A piece has ended. */
    void pieceEnded(Status outcome) {
        piecesInFlight--;
        if (status.isOk()) {
            status = outcome;
        }
    }

    /** Leaves out what has not begun; returns how much that is. */
    long cutShort() {
        long left = restBytes();
        endBytes = nextBytes;
        return left;
    }

    /** Returns whether everything has begun and ended. */
    boolean isOver() {
        return piecesInFlight == 0 && nextBytes == endBytes;
    }
}
