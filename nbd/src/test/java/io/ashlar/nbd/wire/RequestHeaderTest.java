package io.ashlar.nbd.wire;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.LongRange;
import org.junit.jupiter.api.Test;

class RequestHeaderTest {
    @Property(tries = 500)
    void shouldReadWhatWasWrittenAndTouchNothingElse(
            @ForAll @IntRange(max = 0xFFFF) int flags,
            @ForAll Command command,
            @ForAll long cookie,
            @ForAll long offset,
            @ForAll @LongRange(max = 0xFFFF_FFFFL) long length,
            @ForAll @IntRange(max = 64) int start) {
        ByteBuf buffer = Unpooled.directBuffer(128).writeZero(128);
        try {
            RequestHeader header = new RequestHeader().wrap(buffer, start).set(flags, command, cookie, offset, length);
            assertThat(header.magic()).isEqualTo(Wire.REQUEST_MAGIC);
            assertThat(header.flags()).isEqualTo(flags);
            assertThat(Command.ofCode(header.type())).isEqualTo(command);
            assertThat(header.cookie()).isEqualTo(cookie);
            assertThat(header.offsetBytes()).isEqualTo(offset);
            assertThat(header.lengthBytes()).isEqualTo(length);
            assertThat(buffer.readerIndex()).isZero();
            assertThat(buffer.writerIndex()).isEqualTo(128);
            for (int i = 0; i < 128; i++) {
                if (i < start || i >= start + Wire.REQUEST_HEADER_BYTES) {
                    assertThat(buffer.getByte(i)).as("byte %d", i).isZero();
                }
            }
        } finally {
            buffer.release();
        }
    }

    @Test
    void shouldHaveTheBytesOfTheProtocolsDescription() {
        ByteBuf buffer = Unpooled.directBuffer(64).writeZero(64);
        try {
            new RequestHeader().wrap(buffer, 0).set(CommandFlags.FUA, Command.WRITE, 0x0102030405060708L, 4096, 512);
            assertThat(ByteBufUtil.hexDump(buffer, 0, Wire.REQUEST_HEADER_BYTES))
                    .isEqualTo("25609513" + "0001" + "0001" + "0102030405060708" + "0000000000001000" + "00000200");
            Replies.putSimple(buffer, 0, NbdError.ENOSPC, 7);
            assertThat(ByteBufUtil.hexDump(buffer, 0, Wire.SIMPLE_REPLY_BYTES))
                    .isEqualTo("67446698" + "0000001c" + "0000000000000007");
            Replies.putData(buffer, 0, Wire.CHUNK_DONE, 7, 4096, 512);
            assertThat(ByteBufUtil.hexDump(buffer, 0, Wire.DATA_CHUNK_HEADER_BYTES))
                    .isEqualTo("668e33ef" + "0001" + "0001" + "0000000000000007" + "00000208" + "0000000000001000");
            Replies.putError(buffer, 0, NbdError.EIO, 7);
            assertThat(ByteBufUtil.hexDump(buffer, 0, Replies.ERROR_CHUNK_BYTES))
                    .isEqualTo("668e33ef" + "0001" + "8001" + "0000000000000007" + "00000006" + "00000005" + "0000");
        } finally {
            buffer.release();
        }
    }

    @Property(tries = 200)
    void shouldKnowEveryCommandByItsCodeAndNoOther(@ForAll @IntRange(max = 0xFFFF) int code) {
        Command command = Command.ofCode(code);
        assertThat(command == null).isEqualTo(code > Command.BLOCK_STATUS.code());
        assertThat(command == null || command.code() == code).isTrue();
    }
}
