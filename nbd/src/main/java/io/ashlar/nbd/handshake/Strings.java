package io.ashlar.nbd.handshake;

import com.google.errorprone.annotations.Immutable;
import io.ashlar.nbd.wire.Wire;
import io.netty.buffer.ByteBuf;
import java.nio.charset.StandardCharsets;

/** Strings in options: UTF-8, mostly with their length in front, at most {@link Wire#STRING_BYTES_MAX}. */
@Immutable
final class Strings {
    private Strings() {}

    static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    /** Takes a string with its length in front; returns null when it is not all there or too long. */
    static String take(ByteBuf data) {
        if (data.readableBytes() < Integer.BYTES) {
            return null;
        }
        long length = data.readUnsignedInt();
        return length > Wire.STRING_BYTES_MAX || length > data.readableBytes()
                ? null
                : data.readCharSequence((int) length, StandardCharsets.UTF_8).toString();
    }

    /** Takes all that is left as a string; returns null when it is too long. */
    static String rest(ByteBuf data) {
        int length = data.readableBytes();
        return length > Wire.STRING_BYTES_MAX
                ? null
                : data.readCharSequence(length, StandardCharsets.UTF_8).toString();
    }
}
