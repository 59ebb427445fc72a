package io.ashlar.nbd.handshake;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.nbd.wire.Option;
import io.ashlar.nbd.wire.OptionReply;
import io.ashlar.nbd.wire.Wire;
import io.netty.buffer.ByteBuf;
import java.util.Set;

/**
 * Which metadata contexts a client has chosen. There is one, base:allocation; a choice holds for the export of that name
 * only, as it was written, and the latest counts.
 */
@ConfinedTo(LoopKind.DATA)
final class MetaContexts {
    /** LIST takes a namespace as well: all of its contexts. */
    private static final Set<String> LIST_QUERIES = Set.of("base:", Wire.BASE_ALLOCATION);

    private String chosenFor;

    /** Returns whether base:allocation was chosen for the export of this name. */
    boolean isChosenFor(String name) {
        return name.equals(chosenFor);
    }

    /** Works a LIST or SET off and returns the last reply, which is left to the caller. */
    OptionReply answer(Option option, ByteBuf data, NbdExport export, ByteBuf out) {
        boolean sets = option == Option.SET_META_CONTEXT;
        if (sets) {
            chosenFor = null;
        }
        String name = Strings.take(data);
        if (name == null || data.readableBytes() < Integer.BYTES) {
            return OptionReply.INVALID;
        }
        long queries = data.readUnsignedInt();
        boolean found = queries == 0 && !sets;
        for (long i = 0; i < queries; i++) {
            String query = Strings.take(data);
            if (query == null) {
                return OptionReply.INVALID;
            }
            found |= sets ? query.equals(Wire.BASE_ALLOCATION) : LIST_QUERIES.contains(query);
        }
        if (data.isReadable()) {
            return OptionReply.INVALID;
        }
        if (!export.isCalled(name)) {
            return OptionReply.UNKNOWN_EXPORT;
        }
        if (found) {
            byte[] context = Strings.bytes(Wire.BASE_ALLOCATION);
            Handshake.putReplyHeader(out, option.code(), OptionReply.META_CONTEXT, Integer.BYTES + context.length);
            out.writeInt(sets ? Wire.BASE_ALLOCATION_ID : 0).writeBytes(context);
            chosenFor = sets ? name : chosenFor;
        }
        return OptionReply.ACK;
    }
}
