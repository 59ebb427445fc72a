package io.ashlar.nbd.handshake;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.nbd.wire.Option;
import io.ashlar.nbd.wire.OptionReply;
import io.ashlar.nbd.wire.TransmissionFlags;
import io.ashlar.nbd.wire.Wire;
import io.netty.buffer.ByteBuf;

/**
 * The server's side of a fixed newstyle negotiation: takes options as they come, writes the replies.
 *
 * <pre>
 *   CLIENT_FLAGS --understood--> OPTION --GO, EXPORT_NAME--> OVER (transmission)
 *        \---unknown flag---\      |--ABORT, bad magic, too many options, EXPORT_NAME of another--> OVER (close)
 * </pre>
 *
 * An option that is wrong, unknown or too long is answered with an error and passed over; the client goes on. Nothing is
 * allocated for what has not arrived, and no option is longer than {@link #OPTION_BYTES_MAX}.
 */
@ConfinedTo(LoopKind.DATA)
public final class Handshake {
    /** Longest option that is looked at: sixteen of the longest strings. Fits every receive buffer. */
    public static final int OPTION_BYTES_MAX = 64 << 10;
    /** Most options of one handshake, so that what is written is bounded too; no client needs a dozen. */
    static final int OPTIONS_MAX = 256;

    /** How it stands. */
    public enum Progress {
        /** More bytes are needed. */
        MORE,
        /** What follows are requests, under {@link Handshake#terms()}. */
        TRANSMISSION,
        /** The connection is to be closed once the replies are sent. */
        CLOSE
    }

    private enum State {
        CLIENT_FLAGS,
        OPTION,
        OVER
    }

    private final NbdExport export;
    private final MetaContexts contexts = new MetaContexts();
    private State state = State.CLIENT_FLAGS;
    private boolean noZeroes;
    private boolean structured;
    private long skipBytes;
    private int optionCount;
    private Terms terms;

    /** Creates the handshake of one connection. */
    public Handshake(NbdExport export) {
        this.export = export;
    }

    /** Writes what the server says first. */
    public void greet(ByteBuf out) {
        out.writeLong(Wire.NBD_MAGIC).writeLong(Wire.OPTION_MAGIC).writeShort(Wire.FIXED_NEWSTYLE | Wire.NO_ZEROES);
    }

    /** Returns what was agreed on; valid once {@link Progress#TRANSMISSION} was returned. */
    public Terms terms() {
        return terms;
    }

    /** Takes as many options as have arrived, moving the reader index, and writes the replies. */
    public Progress decode(ByteBuf in, ByteBuf out) {
        if (state == State.OVER) {
            in.skipBytes(in.readableBytes()); // the connection is being closed
            return Progress.MORE;
        }
        Progress progress = Progress.MORE;
        boolean more = true;
        while (more && progress == Progress.MORE) {
            int before = in.readableBytes();
            progress = skipBytes > 0 ? skip(in) : state == State.CLIENT_FLAGS ? clientFlags(in) : option(in, out);
            more = in.readableBytes() < before;
        }
        if (progress != Progress.MORE) {
            state = State.OVER;
        }
        return progress;
    }

    private Progress skip(ByteBuf in) {
        int bytes = (int) Math.min(skipBytes, in.readableBytes());
        in.skipBytes(bytes);
        skipBytes -= bytes;
        return Progress.MORE;
    }

    private Progress clientFlags(ByteBuf in) {
        if (in.readableBytes() < Integer.BYTES) {
            return Progress.MORE;
        }
        int flags = in.readInt();
        if ((flags & ~(Wire.FIXED_NEWSTYLE | Wire.NO_ZEROES)) != 0) {
            return Progress.CLOSE;
        }
        noZeroes = (flags & Wire.NO_ZEROES) != 0;
        state = State.OPTION;
        return Progress.MORE;
    }

    private Progress option(ByteBuf in, ByteBuf out) {
        if (in.readableBytes() < Wire.OPTION_HEADER_BYTES) {
            return Progress.MORE;
        }
        int start = in.readerIndex();
        int code = in.getInt(start + Long.BYTES);
        long length = in.getUnsignedInt(start + Long.BYTES + Integer.BYTES);
        if (in.getLong(start) != Wire.OPTION_MAGIC || optionCount == OPTIONS_MAX) {
            return Progress.CLOSE;
        }
        Option option = Option.ofCode(code);
        if (length > OPTION_BYTES_MAX || option == null) {
            in.skipBytes(Wire.OPTION_HEADER_BYTES);
            optionCount++;
            skipBytes = length;
            return option == Option.EXPORT_NAME
                    ? Progress.CLOSE
                    : reply(out, code, option == null ? OptionReply.UNSUPPORTED : OptionReply.TOO_BIG);
        }
        if (in.readableBytes() < Wire.OPTION_HEADER_BYTES + length) {
            return Progress.MORE;
        }
        optionCount++;
        in.skipBytes(Wire.OPTION_HEADER_BYTES);
        ByteBuf data = in.readSlice((int) length);
        return switch (option) {
            case EXPORT_NAME -> exportName(data, out);
            case ABORT -> abort(out);
            case LIST -> list(data, out);
            case INFO, GO -> inform(option, data, out);
            case STRUCTURED_REPLY -> structuredReply(data, out);
            case LIST_META_CONTEXT, SET_META_CONTEXT -> metaContext(option, data, out);
            case STARTTLS, EXTENDED_HEADERS -> reply(out, code, OptionReply.UNSUPPORTED);
        };
    }

    /** The old way in: no reply but the export itself, and no way to say no but closing. */
    private Progress exportName(ByteBuf data, ByteBuf out) {
        String name = Strings.rest(data);
        if (name == null || !export.isCalled(name)) {
            return Progress.CLOSE;
        }
        out.writeLong(export.device().geometry().sizeBytes());
        out.writeShort(TransmissionFlags.of(export.refusesChanges(), structured));
        if (!noZeroes) {
            out.writeZero(Wire.EXPORT_NAME_ZEROES);
        }
        return go(name, false);
    }

    private Progress go(String name, boolean blockSizes) {
        terms = new Terms(structured, structured && contexts.isChosenFor(name), blockSizes);
        return Progress.TRANSMISSION;
    }

    private static Progress abort(ByteBuf out) {
        reply(out, Option.ABORT.code(), OptionReply.ACK);
        return Progress.CLOSE;
    }

    private Progress list(ByteBuf data, ByteBuf out) {
        if (data.isReadable()) {
            return reply(out, Option.LIST.code(), OptionReply.INVALID);
        }
        byte[] name = Strings.bytes(export.name());
        byte[] description = Strings.bytes(export.description());
        putReplyHeader(out, Option.LIST.code(), OptionReply.SERVER, Integer.BYTES + name.length + description.length);
        out.writeInt(name.length).writeBytes(name).writeBytes(description);
        return reply(out, Option.LIST.code(), OptionReply.ACK);
    }

    private Progress inform(Option option, ByteBuf data, ByteBuf out) {
        InfoRequest request = InfoRequest.read(data);
        if (request == null) {
            return reply(out, option.code(), OptionReply.INVALID);
        }
        if (!export.isCalled(request.name())) {
            return reply(out, option.code(), OptionReply.UNKNOWN_EXPORT);
        }
        request.answer(out, option, export, structured);
        reply(out, option.code(), OptionReply.ACK);
        return option == Option.GO ? go(request.name(), request.blockSizes()) : Progress.MORE;
    }

    private Progress structuredReply(ByteBuf data, ByteBuf out) {
        if (data.isReadable()) {
            return reply(out, Option.STRUCTURED_REPLY.code(), OptionReply.INVALID);
        }
        structured = true;
        return reply(out, Option.STRUCTURED_REPLY.code(), OptionReply.ACK);
    }

    private Progress metaContext(Option option, ByteBuf data, ByteBuf out) {
        OptionReply outcome =
                structured ? contexts.answer(option, data, export, out) : OptionReply.INVALID; // needs chunks
        return reply(out, option.code(), outcome);
    }

    private static Progress reply(ByteBuf out, int option, OptionReply type) {
        putReplyHeader(out, option, type, 0);
        return Progress.MORE;
    }

    static void putReplyHeader(ByteBuf out, int option, OptionReply type, int lengthBytes) {
        out.writeLong(Wire.OPTION_REPLY_MAGIC)
                .writeInt(option)
                .writeInt(type.code())
                .writeInt(lengthBytes);
    }
}
