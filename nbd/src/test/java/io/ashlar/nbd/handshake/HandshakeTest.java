package io.ashlar.nbd.handshake;

import static org.assertj.core.api.Assertions.assertThat;

import io.ashlar.base.block.BlockGeometry;
import io.ashlar.base.block.NullBlockDevice;
import io.ashlar.nbd.wire.Option;
import io.ashlar.nbd.wire.OptionReply;
import io.ashlar.nbd.wire.Wire;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;

class HandshakeTest {
    private static final long SIZE = 1 << 30;
    private static final NbdExport EXPORT =
            new NbdExport("vol", "a volume", new NullBlockDevice(new BlockGeometry(SIZE, 4096, false)), false);

    /** A reply to an option: its type, and its data. */
    private record Reply(int option, int type, ByteBuf data) {}

    private final Handshake handshake = new Handshake(EXPORT);
    private Handshake.Progress progress;

    private static ByteBuf flags(int flags) {
        return Unpooled.buffer().writeInt(flags);
    }

    private static void option(ByteBuf to, int option, byte[] data) {
        to.writeLong(Wire.OPTION_MAGIC).writeInt(option).writeInt(data.length).writeBytes(data);
    }

    private static byte[] name(String name, int... rest) {
        byte[] bytes = name.getBytes(StandardCharsets.UTF_8);
        ByteBuf data = Unpooled.buffer().writeInt(bytes.length).writeBytes(bytes);
        for (int value : rest) {
            data.writeShort(value);
        }
        return array(data);
    }

    private static byte[] contexts(String export, String... queries) {
        ByteBuf data = Unpooled.buffer().writeBytes(name(export)).writeInt(queries.length);
        for (String query : queries) {
            data.writeBytes(name(query));
        }
        return array(data);
    }

    private static byte[] array(ByteBuf data) {
        byte[] bytes = new byte[data.readableBytes()];
        data.readBytes(bytes);
        return bytes;
    }

    private ByteBuf decode(ByteBuf in) {
        ByteBuf out = Unpooled.buffer();
        progress = handshake.decode(in, out);
        return out;
    }

    private List<Reply> replies(ByteBuf out) {
        List<Reply> replies = new ArrayList<>();
        while (out.isReadable()) {
            assertThat(out.readLong()).isEqualTo(Wire.OPTION_REPLY_MAGIC);
            int option = out.readInt();
            int type = out.readInt();
            ByteBuf data = out.readSlice(out.readInt());
            replies.add(new Reply(option, type, data));
        }
        return replies;
    }

    private List<Reply> ask(Option option, byte[] data) {
        ByteBuf in = Unpooled.buffer();
        option(in, option.code(), data);
        return replies(decode(in));
    }

    private static List<Integer> types(List<Reply> replies) {
        return replies.stream().map(Reply::type).toList();
    }

    private void begin() {
        assertThat(decode(flags(3)).isReadable()).isFalse();
        assertThat(progress).isEqualTo(Handshake.Progress.MORE);
    }

    @Test
    void shouldGreetAsFixedNewstyle() {
        ByteBuf out = Unpooled.buffer();
        handshake.greet(out);
        assertThat(out.readCharSequence(16, StandardCharsets.US_ASCII)).hasToString("NBDMAGICIHAVEOPT");
        assertThat(out.readUnsignedShort()).isEqualTo(3);
    }

    @Test
    void shouldCloseWhenClientFlagsAreUnknown() {
        decode(flags(4));
        assertThat(progress).isEqualTo(Handshake.Progress.CLOSE);
    }

    @Test
    void shouldEnterTransmissionWhenGoNamesTheExport() {
        begin();
        assertThat(types(ask(Option.STRUCTURED_REPLY, new byte[0]))).containsExactly(OptionReply.ACK.code());
        assertThat(types(ask(Option.SET_META_CONTEXT, contexts("vol", "base:allocation"))))
                .containsExactly(OptionReply.META_CONTEXT.code(), OptionReply.ACK.code());
        List<Reply> replies = ask(Option.GO, name("vol", 4, 0, 1, 2, 3));
        assertThat(types(replies))
                .containsExactly(
                        OptionReply.INFO.code(),
                        OptionReply.INFO.code(),
                        OptionReply.INFO.code(),
                        OptionReply.INFO.code(),
                        OptionReply.ACK.code());
        ByteBuf info = replies.get(0).data();
        assertThat(info.readUnsignedShort()).isZero();
        assertThat(info.readLong()).isEqualTo(SIZE);
        assertThat(info.readUnsignedShort()).isEqualTo(0b1101_1110_1101);
        assertThat(progress).isEqualTo(Handshake.Progress.TRANSMISSION);
        assertThat(handshake.terms()).isEqualTo(new Terms(true, true, true));
    }

    @Test
    void shouldForgetContextsWhenTheyWereChosenForAnotherName() {
        begin();
        ask(Option.STRUCTURED_REPLY, new byte[0]);
        ask(Option.SET_META_CONTEXT, contexts("vol", "base:allocation"));
        ask(Option.GO, name("", 0));
        assertThat(handshake.terms()).isEqualTo(new Terms(true, false, false));
    }

    @Test
    void shouldAnswerErrorsAndGoOnWhenOptionsAreWrong() {
        begin();
        int invalid = OptionReply.INVALID.code();
        int unsupported = OptionReply.UNSUPPORTED.code();
        assertThat(types(ask(Option.STARTTLS, new byte[0]))).containsExactly(unsupported);
        assertThat(types(ask(Option.EXTENDED_HEADERS, new byte[0]))).containsExactly(unsupported);
        assertThat(types(ask(Option.LIST, new byte[1]))).containsExactly(invalid);
        assertThat(types(ask(Option.STRUCTURED_REPLY, new byte[1]))).containsExactly(invalid);
        assertThat(types(ask(Option.GO, name("other", 0)))).containsExactly(OptionReply.UNKNOWN_EXPORT.code());
        assertThat(types(ask(Option.GO, name("vol")))).containsExactly(invalid);
        assertThat(types(ask(Option.GO, name("vol", 2, 3)))).containsExactly(invalid);
        assertThat(types(ask(Option.GO, new byte[] {0x7f, 0, 0, 0, 0, 0}))).containsExactly(invalid);
        assertThat(types(ask(Option.SET_META_CONTEXT, contexts("vol", "base:allocation"))))
                .as("needs structured replies")
                .containsExactly(invalid);
        ByteBuf unknown = Unpooled.buffer();
        option(unknown, 77, new byte[100]);
        assertThat(types(replies(decode(unknown)))).containsExactly(unsupported);
        ByteBuf large = Unpooled.buffer();
        option(large, Option.GO.code(), new byte[Handshake.OPTION_BYTES_MAX + 1]);
        assertThat(types(replies(decode(large)))).containsExactly(OptionReply.TOO_BIG.code());
        assertThat(types(ask(Option.LIST, new byte[0])))
                .containsExactly(OptionReply.SERVER.code(), OptionReply.ACK.code());
        assertThat(progress).isEqualTo(Handshake.Progress.MORE);
    }

    @Test
    void shouldServeOldClientsThroughExportName() {
        decode(flags(1));
        ByteBuf in = Unpooled.buffer();
        option(in, Option.EXPORT_NAME.code(), new byte[0]);
        ByteBuf out = decode(in);
        assertThat(out.readableBytes()).isEqualTo(8 + 2 + 124);
        assertThat(out.readLong()).isEqualTo(SIZE);
        assertThat(progress).isEqualTo(Handshake.Progress.TRANSMISSION);
        assertThat(handshake.terms()).isEqualTo(new Terms(false, false, false));
    }

    @Test
    void shouldCloseWhenAnOldClientNamesAnotherExport() {
        begin();
        ByteBuf in = Unpooled.buffer();
        option(in, Option.EXPORT_NAME.code(), "other".getBytes(StandardCharsets.UTF_8));
        assertThat(decode(in).isReadable()).isFalse();
        assertThat(progress).isEqualTo(Handshake.Progress.CLOSE);
    }

    @Test
    void shouldAcknowledgeAbortAndClose() {
        begin();
        assertThat(types(ask(Option.ABORT, new byte[0]))).containsExactly(OptionReply.ACK.code());
        assertThat(progress).isEqualTo(Handshake.Progress.CLOSE);
    }

    @Test
    void shouldCloseWhenThereIsNoEndOfOptions() {
        begin();
        for (int i = 0; i < Handshake.OPTIONS_MAX; i++) {
            ask(Option.LIST, new byte[0]);
        }
        assertThat(progress).isEqualTo(Handshake.Progress.MORE);
        ask(Option.LIST, new byte[0]);
        assertThat(progress).isEqualTo(Handshake.Progress.CLOSE);
    }

    /** The same replies, however the bytes are cut; nothing but its own outcomes, however they are changed. */
    @Property(tries = 300)
    void shouldNotDependOnHowBytesAreCutNorTripOverAny(@ForAll long seed) {
        Random random = new Random(seed);
        ByteBuf in = Unpooled.buffer();
        in.writeInt(3);
        option(in, Option.STRUCTURED_REPLY.code(), new byte[0]);
        option(in, Option.LIST_META_CONTEXT.code(), contexts("vol"));
        option(in, Option.SET_META_CONTEXT.code(), contexts("vol", "base:allocation", "x:y"));
        option(in, Option.INFO.code(), name("vol", 1, 3));
        option(in, 99, new byte[random.nextInt(300)]);
        option(in, Option.GO.code(), name("vol", 1, 3));
        byte[] bytes = array(in);
        for (int i = random.nextInt(4); i > 0; i--) {
            bytes[random.nextInt(bytes.length)] = (byte) random.nextInt();
        }
        ByteBuf whole = Unpooled.buffer();
        Handshake atOnce = new Handshake(EXPORT);
        Handshake.Progress expected = atOnce.decode(Unpooled.wrappedBuffer(bytes), whole);
        ByteBuf pieces = Unpooled.buffer();
        Handshake cut = new Handshake(EXPORT);
        ByteBuf growing = Unpooled.buffer();
        Handshake.Progress actual = Handshake.Progress.MORE;
        for (int at = 0; at < bytes.length && actual == Handshake.Progress.MORE; ) {
            int piece = Math.min(bytes.length - at, 1 + random.nextInt(40));
            growing.writeBytes(bytes, at, piece);
            at += piece;
            actual = cut.decode(growing, pieces);
        }
        assertThat(actual).as("seed=%d", seed).isEqualTo(expected);
        assertThat(pieces).as("seed=%d", seed).isEqualTo(whole);
        if (actual == Handshake.Progress.TRANSMISSION) {
            assertThat(cut.terms()).as("seed=%d", seed).isEqualTo(atOnce.terms());
        }
    }
}
