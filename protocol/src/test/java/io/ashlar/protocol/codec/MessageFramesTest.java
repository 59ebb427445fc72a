package io.ashlar.protocol.codec;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.ByteString;
import io.ashlar.base.checksum.Crc32c;
import io.ashlar.base.status.Status;
import io.ashlar.protocol.frame.Direction;
import io.ashlar.protocol.frame.FrameHeader;
import io.ashlar.protocol.frame.FrameRules;
import io.ashlar.protocol.frame.Limits;
import io.ashlar.protocol.frame.Opcode;
import io.ashlar.protocol.message.ErrorDetail;
import io.ashlar.protocol.message.HelloAnswer;
import io.ashlar.protocol.message.Open;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import io.netty.buffer.Unpooled;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;

class MessageFramesTest {
    private static final ByteBufAllocator ALLOCATOR = ByteBufAllocator.DEFAULT;

    @Test
    void shouldReadBackTheMessageThatWasSent() {
        Open open = Open.newBuilder().setVolume("db").setEpoch(7).build();
        ByteBuf frame = MessageFrames.request(ALLOCATOR, Opcode.OPEN, 5, 0, open);
        FrameHeader header = new FrameHeader().wrap(frame, 0);
        assertThat(FrameRules.check(header, Direction.TO_NODE, new Crc32c())).isNull();
        assertThat(MessageFrames.parse(
                        Open.parser(), frame, Limits.HEADER_BYTES, frame.readableBytes() - Limits.HEADER_BYTES))
                .isEqualTo(open);
        frame.release();
    }

    @Test
    void shouldReturnNullWhenAPayloadIsNoMessage() {
        ByteBuf junk = Unpooled.wrappedBuffer("\u00ff\u00ff\u00ff junk".getBytes(StandardCharsets.ISO_8859_1));
        assertThat(MessageFrames.parse(Open.parser(), junk, 0, junk.readableBytes()))
                .isNull();
    }

    @Test
    void shouldLeaveOutADetailThatIsTooLong() {
        ErrorDetail tooLong = ErrorDetail.newBuilder()
                .setMessage("x".repeat(Limits.DETAIL_BYTES_MAX))
                .build();
        ByteBuf frame = MessageFrames.refusal(ALLOCATOR, Opcode.ADMIN, 5, 0, Status.NOT_FOUND, tooLong);
        FrameHeader header = new FrameHeader().wrap(frame, 0);
        assertThat(FrameRules.check(header, Direction.TO_CLIENT, new Crc32c())).isNull();
        assertThat(header.payloadBytes()).isZero();
        assertThat(header.statusCode()).isEqualTo(Status.NOT_FOUND.code());
        frame.release();
    }

    @Test
    void shouldRefuseToSendAMessageThatIsTooLong() {
        HelloAnswer huge = HelloAnswer.newBuilder()
                .setNodeId(ByteString.copyFrom(new byte[Limits.MESSAGE_BYTES_MAX]))
                .build();
        assertThatThrownBy(() -> MessageFrames.answer(ALLOCATOR, Opcode.HELLO, 1, 0, huge))
                .isInstanceOf(IllegalArgumentException.class);
    }
}
