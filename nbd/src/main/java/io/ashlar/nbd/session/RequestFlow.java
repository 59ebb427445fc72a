package io.ashlar.nbd.session;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.block.Operation;
import io.ashlar.base.status.Status;
import io.ashlar.nbd.handshake.NbdExport;
import io.ashlar.nbd.handshake.Terms;
import io.ashlar.nbd.wire.Command;
import io.ashlar.nbd.wire.NbdError;
import io.ashlar.nbd.wire.RequestHeader;
import io.ashlar.nbd.wire.Wire;
import io.netty.buffer.ByteBuf;

/**
 * The requests of one connection, from the bytes in the receive buffer to the answer: the path of every read and write.
 *
 * <pre>
 *   header --obeys the rules, room for it--> slot --> device --completed--> answer --end of batch--> socket
 *      \--a long one--> Whole --pieces, as their data arrives or their answers find room--> slots
 * </pre>
 *
 * Where something is used up (requests in flight, answer memory, the client's patience to read) decoding stops at that
 * request and goes on when some has come back; meanwhile the socket is not read from. Nothing is ever queued.
 */
@ConfinedTo(LoopKind.DATA)
final class RequestFlow {
    private final Connection connection;
    private final SessionLoop loop;
    private final NbdExport export;
    private final Terms terms;
    private final int requestsMax;
    private final ReceiveBuffers receive;
    private final Answers answers;
    private final Outcomes outcomes;
    private final WriteGate.Pass pass;
    private final RequestHeader header = new RequestHeader();
    private final Submitter submitter;
    private Whole cut;
    private long skipBytes;
    private boolean blocked;
    private boolean decoding;
    private boolean stopping;

    RequestFlow(Connection connection, SessionLoop loop, NbdServices services, Terms terms) {
        this.connection = connection;
        this.loop = loop;
        this.terms = terms;
        export = services.export();
        requestsMax = services.limits().requestsMax();
        receive = connection.receive();
        answers = new Answers(connection.answers(), terms);
        pass = services.gate().newPass(connection::wake);
        submitter =
                new Submitter(this, loop, connection.answers(), answers.readHeaderBytes(), pass, services.largeReads());
        outcomes = new Outcomes(connection, loop, answers, submitter, pass);
    }

    int inFlight() {
        return outcomes.inFlight();
    }

    /** Returns whether only the socket can bring back what decoding stopped for. */
    boolean waitsForSocket() {
        return blocked && outcomes.inFlight() == 0 && connection.isWritable() && !pass.isWaiting();
    }

    /** Counts a request in. */
    void began() {
        outcomes.began();
    }

    /** Refuses everything from now on: the server stops. */
    void refuseAll() {
        stopping = true;
        pass.giveUp();
    }

    // ---- From the socket ----

    /** Returns whether the loop of {@link #decode} is on the stack; whoever called it sees to the rest. */
    boolean isDecoding() {
        return decoding;
    }

    /** Works off what has arrived, as far as possible; returns whether the socket should be read from. */
    boolean decode() {
        if (decoding) {
            return true; // completed inside submit: the loop below goes on with it
        }
        decoding = true;
        blocked = false;
        boolean progress = true;
        while (progress && !outcomes.isClosed()) {
            progress = step(receive.current());
        }
        decoding = false;
        return !blocked;
    }

    private boolean step(ByteBuf in) {
        if (skipBytes > 0) {
            return skip(in);
        }
        if (outcomes.inFlight() >= requestsMax || !connection.isWritable()) {
            pass.giveUp(); // others shall not wait for this client
            return block();
        }
        return cut == null ? begin(in) : cutOn(in);
    }

    /** Something other than bytes is missing. */
    private boolean block() {
        blocked = true;
        return false;
    }

    /** These many bytes more are needed. */
    private boolean await(int missingBytes) {
        receive.expect(missingBytes);
        return false;
    }

    private boolean skip(ByteBuf in) {
        int bytes = (int) Math.min(skipBytes, in.readableBytes());
        in.skipBytes(bytes);
        skipBytes -= bytes;
        receive.expect(0);
        return bytes > 0;
    }

    private boolean begin(ByteBuf in) {
        if (in.readableBytes() < Wire.REQUEST_HEADER_BYTES) {
            return await(Wire.REQUEST_HEADER_BYTES - in.readableBytes());
        }
        header.wrap(in, in.readerIndex());
        if (header.magic() != Wire.REQUEST_MAGIC) {
            connection.fault("no request where one was due");
            return false;
        }
        Command command = Command.ofCode(header.type());
        if (command == Command.DISCONNECT) {
            in.skipBytes(Wire.REQUEST_HEADER_BYTES);
            connection.disconnected();
            return false;
        }
        NbdError error = stopping
                ? NbdError.ESHUTDOWN
                : RequestRules.check(
                        command,
                        header.flags(),
                        header.offsetBytes(),
                        header.lengthBytes(),
                        export.device().geometry(),
                        export.refusesChanges(),
                        terms);
        return error == NbdError.NONE ? execute(in, command) : answer(in, command, error);
    }

    /** Answers a request at once, and passes its data over. */
    private boolean answer(ByteBuf in, Command command, NbdError error) {
        long cookie = header.cookie();
        skipBytes = command == Command.WRITE ? header.lengthBytes() : 0;
        in.skipBytes(Wire.REQUEST_HEADER_BYTES);
        outcomes.refused(command, cookie, error);
        return true;
    }

    private boolean execute(ByteBuf in, Command command) {
        if (command == Command.CACHE || (command.hasRange() && header.lengthBytes() == 0)) {
            return answer(in, command, NbdError.NONE); // there is no cache here to be filled
        }
        return switch (command) {
            case READ -> read(in);
            case WRITE -> write(in);
            case WRITE_ZEROES -> writeZeroes(in);
            case TRIM -> trim(in);
            case BLOCK_STATUS -> blockStatus(in);
            default -> {
                in.skipBytes(Wire.REQUEST_HEADER_BYTES);
                submitter.flush(header.cookie());
                yield true;
            }
        };
    }

    private boolean isAligned(long offset, long length) {
        return ((offset | length) & (export.device().geometry().logicalBlockBytes() - 1)) == 0;
    }

    private boolean read(ByteBuf in) {
        long length = header.lengthBytes();
        if (length > NbdLimits.PIECE_BYTES) {
            if (terms.structured()) {
                return cutUp(in, Command.READ);
            }
            if (!submitter.mayReadLarge()) {
                return block();
            }
            if (!submitter.readLarge(header.cookie(), header.offsetBytes(), (int) length)) {
                return answer(in, Command.READ, NbdError.ENOMEM);
            }
            in.skipBytes(Wire.REQUEST_HEADER_BYTES);
            return true;
        }
        if (!submitter.read(null, header.cookie(), header.offsetBytes(), (int) length)) {
            return block();
        }
        in.skipBytes(Wire.REQUEST_HEADER_BYTES);
        return true;
    }

    private boolean write(ByteBuf in) {
        long length = header.lengthBytes();
        if (length > NbdLimits.PIECE_BYTES) {
            return cutUp(in, Command.WRITE);
        }
        int frameBytes = Wire.REQUEST_HEADER_BYTES + (int) length;
        if (in.readableBytes() < frameBytes) {
            return await(frameBytes - in.readableBytes());
        }
        int payload = in.readerIndex() + Wire.REQUEST_HEADER_BYTES;
        boolean aligned = isAligned(header.offsetBytes(), length);
        if (!submitter.mayChange(aligned)) {
            return block();
        }
        in.skipBytes(frameBytes);
        int flags = Submitter.deviceFlags(Command.WRITE, header.flags());
        RequestSlot slot = submitter.slot(null, Command.WRITE, header.cookie());
        slot.setWrite(header.offsetBytes(), in, payload, (int) length, flags);
        submitter.change(slot, aligned);
        return true;
    }

    private boolean writeZeroes(ByteBuf in) {
        if (!isAligned(header.offsetBytes(), header.lengthBytes())) {
            return cutUp(in, Command.WRITE_ZEROES);
        }
        return changeRange(in, Operation.WRITE_ZEROES, header.offsetBytes(), header.lengthBytes());
    }

    /** Blocks that are only partly in the range stay as they are. */
    private boolean trim(ByteBuf in) {
        int block = export.device().geometry().logicalBlockBytes();
        long from = (header.offsetBytes() + block - 1) & -block;
        long to = (header.offsetBytes() + header.lengthBytes()) & -block;
        return from < to
                ? changeRange(in, Operation.DISCARD, from, to - from)
                : answer(in, Command.TRIM, NbdError.NONE);
    }

    private boolean changeRange(ByteBuf in, Operation operation, long offset, long length) {
        if (!submitter.mayChange(true)) {
            return block();
        }
        in.skipBytes(Wire.REQUEST_HEADER_BYTES);
        Command command = operation == Operation.DISCARD ? Command.TRIM : Command.WRITE_ZEROES;
        RequestSlot slot = submitter.slot(null, command, header.cookie());
        slot.set(operation, offset, length, Submitter.deviceFlags(command, header.flags()));
        submitter.change(slot, true);
        return true;
    }

    private boolean blockStatus(ByteBuf in) {
        in.skipBytes(Wire.REQUEST_HEADER_BYTES);
        outcomes.began();
        new StatusQuery(outcomes, answers, header, loop.batchNs()).start(export.device(), loop.loop());
        return true;
    }

    // ---- Long requests ----

    private boolean cutUp(ByteBuf in, Command command) {
        int flags = Submitter.deviceFlags(command, header.flags());
        cut = loop.takeWhole()
                .begin(command, header.cookie(), header.offsetBytes(), header.lengthBytes(), flags, loop.batchNs());
        in.skipBytes(Wire.REQUEST_HEADER_BYTES);
        outcomes.began();
        return true;
    }

    private boolean cutOn(ByteBuf in) {
        if (!cut.status().isOk()) {
            pass.giveUp();
            long left = cut.cutShort();
            skipBytes = cut.command() == Command.WRITE ? left : 0;
        }
        if (cut.restBytes() == 0) {
            Whole whole = cut;
            cut = null;
            endIfOver(whole);
            return true;
        }
        return switch (cut.command()) {
            case READ -> submitter.readPiece(cut) || block();
            case WRITE -> writePiece(in);
            default -> submitter.zeroPiece(cut, export.device().geometry().logicalBlockBytes()) || block();
        };
    }

    private boolean writePiece(ByteBuf in) {
        int length = Submitter.pieceBytes(cut.nextBytes(), cut.restBytes());
        if (in.readableBytes() < length) {
            return await(length - in.readableBytes());
        }
        boolean aligned = isAligned(cut.nextBytes(), length);
        if (!submitter.mayChange(aligned)) {
            return block();
        }
        RequestSlot slot = submitter.slot(cut, Command.WRITE, cut.cookie());
        slot.setWrite(cut.nextBytes(), in, in.readerIndex(), length, cut.flags());
        in.skipBytes(length);
        cut.pieceBegan(length);
        submitter.change(slot, aligned);
        return true;
    }

    @SuppressWarnings("ReferenceEquality") // requests are identities
    private void endIfOver(Whole whole) {
        if (whole == cut || !whole.isOver()) {
            return;
        }
        outcomes.ended(whole);
    }

    // ---- From the device ----

    /** Takes a request, or a piece of one, back. */
    void completed(RequestSlot slot, Status status) {
        Whole whole = slot.whole();
        if (whole != null) {
            whole.pieceEnded(status);
        }
        outcomes.ended(slot, status);
        if (whole != null) {
            endIfOver(whole);
        }
    }

    /** The connection has ended: what the device has ends there unseen. */
    void close() {
        outcomes.close();
        pass.giveUp();
        if (cut != null) {
            cut.cutShort();
            Whole whole = cut;
            cut = null;
            endIfOver(whole);
        }
        if (outcomes.inFlight() == 0) {
            pass.close();
        }
    }
}
