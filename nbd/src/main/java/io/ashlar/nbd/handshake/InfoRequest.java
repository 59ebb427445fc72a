package io.ashlar.nbd.handshake;

import io.ashlar.base.block.BlockGeometry;
import io.ashlar.nbd.wire.InfoType;
import io.ashlar.nbd.wire.Option;
import io.ashlar.nbd.wire.OptionReply;
import io.ashlar.nbd.wire.TransmissionFlags;
import io.ashlar.nbd.wire.Wire;
import io.netty.buffer.ByteBuf;

/**
 * What INFO and GO ask: an export's name, and what the client wants to know beyond size and flags.
 *
 * @param name the export's name
 * @param names whether it asks for the name
 * @param description whether it asks for the description
 * @param blockSizes whether it asks for, and so knows, the block sizes
 */
record InfoRequest(String name, boolean names, boolean description, boolean blockSizes) {
    private static final int SIZES_BYTES = Short.BYTES + 3 * Integer.BYTES;
    private static final int EXPORT_BYTES = Short.BYTES + Long.BYTES + Short.BYTES;

    /** Reads the option's data; returns null when it is not well formed. */
    static InfoRequest read(ByteBuf data) {
        String name = Strings.take(data);
        if (name == null || data.readableBytes() < Short.BYTES) {
            return null;
        }
        int count = data.readUnsignedShort();
        if (data.readableBytes() != count * Short.BYTES) {
            return null;
        }
        boolean names = false;
        boolean description = false;
        boolean blockSizes = false;
        while (data.isReadable()) {
            int type = data.readUnsignedShort();
            names |= type == InfoType.NAME;
            description |= type == InfoType.DESCRIPTION;
            blockSizes |= type == InfoType.BLOCK_SIZE;
        }
        return new InfoRequest(name, names, description, blockSizes);
    }

    /** Writes the INFO replies; the ACK is left to the caller. */
    void answer(ByteBuf out, Option option, NbdExport export, boolean structured) {
        BlockGeometry geometry = export.device().geometry();
        Handshake.putReplyHeader(out, option.code(), OptionReply.INFO, EXPORT_BYTES);
        out.writeShort(InfoType.EXPORT)
                .writeLong(geometry.sizeBytes())
                .writeShort(TransmissionFlags.of(export.refusesChanges(), structured));
        if (names) {
            putText(out, option, InfoType.NAME, export.name());
        }
        if (description) {
            putText(out, option, InfoType.DESCRIPTION, export.description());
        }
        if (blockSizes) {
            Handshake.putReplyHeader(out, option.code(), OptionReply.INFO, SIZES_BYTES);
            out.writeShort(InfoType.BLOCK_SIZE)
                    .writeInt(geometry.logicalBlockBytes())
                    .writeInt(BlockGeometry.BLOCK_BYTES)
                    .writeInt(Wire.PAYLOAD_BYTES_MAX);
        }
    }

    private static void putText(ByteBuf out, Option option, int type, String text) {
        byte[] bytes = Strings.bytes(text);
        Handshake.putReplyHeader(out, option.code(), OptionReply.INFO, Short.BYTES + bytes.length);
        out.writeShort(type).writeBytes(bytes);
    }
}
