package io.ashlar.protocol.frame;

import static org.assertj.core.api.Assertions.assertThat;

import io.ashlar.base.block.BlockGeometry;
import io.ashlar.base.checksum.Crc32c;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

class FrameRulesTest {
    private static final long MIB = BlockGeometry.REGION_BYTES;

    private final Crc32c crc = new Crc32c();
    private final ByteBuf buffer = Unpooled.directBuffer(Limits.HEADER_BYTES);
    private final FrameHeader header = new FrameHeader().wrap(buffer, 0).clear();

    @AfterEach
    void free() {
        buffer.release();
    }

    private FrameFault request() {
        return FrameRules.check(header.seal(crc), Direction.TO_NODE, crc);
    }

    private FrameFault answer() {
        header.flags(header.flags() | FrameFlags.RESPONSE);
        return FrameRules.check(header.seal(crc), Direction.TO_CLIENT, crc);
    }

    @Test
    void shouldRefuseWhenTheMagicNumberIsWrong() {
        buffer.setByte(0, 'X');
        assertThat(request()).isEqualTo(FrameFault.BAD_MAGIC);
    }

    @Test
    void shouldNameTheVersionBeforeTheChecksumWhenBothAreWrong() {
        header.opcode(Opcode.PING).seal(crc);
        buffer.setByte(FrameHeader.VERSION_OFFSET, 2);
        assertThat(FrameRules.check(header, Direction.TO_NODE, crc)).isEqualTo(FrameFault.BAD_VERSION);
    }

    @Test
    void shouldRefuseWhenTheChecksumIsWrong() {
        header.opcode(Opcode.PING).seal(crc).requestId(1);
        assertThat(FrameRules.check(header, Direction.TO_NODE, crc)).isEqualTo(FrameFault.BAD_HEADER_CHECKSUM);
        assertThat(FrameFault.BAD_HEADER_CHECKSUM.isHeaderIntact()).isFalse();
        assertThat(FrameFault.RESERVED_SET.isHeaderIntact()).isTrue();
    }

    @Test
    void shouldRefuseWhenTheReservedFieldIsSet() {
        header.opcode(Opcode.PING);
        buffer.setIntLE(FrameHeader.RESERVED_OFFSET, 1);
        assertThat(request()).isEqualTo(FrameFault.RESERVED_SET);
    }

    @ParameterizedTest
    @CsvSource({"0", "7", "15", "23", "31", "32", "255"})
    void shouldRefuseWhenTheOpcodeIsUnknown(int code) {
        buffer.setByte(FrameHeader.OPCODE_OFFSET, code);
        assertThat(request()).isEqualTo(FrameFault.UNKNOWN_OPCODE);
    }

    @ParameterizedTest
    @EnumSource(Opcode.class)
    void shouldRefuseWhenTheDirectionIsWrong(Opcode opcode) {
        header.opcode(opcode);
        if (opcode == Opcode.EVENT) {
            assertThat(request()).isEqualTo(FrameFault.WRONG_DIRECTION);
            assertThat(answer()).isEqualTo(FrameFault.WRONG_DIRECTION);
        } else {
            FrameFault asAnswer = FrameRules.check(header.seal(crc), Direction.TO_CLIENT, crc);
            assertThat(asAnswer).isEqualTo(FrameFault.WRONG_DIRECTION);
            header.flags(FrameFlags.RESPONSE);
            assertThat(request()).isEqualTo(FrameFault.WRONG_DIRECTION);
        }
    }

    @ParameterizedTest
    @EnumSource(Opcode.class)
    void shouldRefuseWhenAFlagDoesNotBelongToTheOperation(Opcode opcode) {
        for (int bit = 1; bit < 16; bit++) {
            header.clear().opcode(opcode).flags(1 << bit);
            boolean allowed = (opcode.requestFlags() & 1 << bit) != 0;
            if (opcode != Opcode.EVENT) {
                assertThat(request() == FrameFault.BAD_FLAGS).as("bit %d", bit).isEqualTo(!allowed);
            }
        }
    }

    @Test
    void shouldRefuseWhenARequestHasAStatus() {
        header.opcode(Opcode.PING).statusCode(1);
        assertThat(request()).isEqualTo(FrameFault.STATUS_IN_REQUEST);
    }

    @ParameterizedTest
    @CsvSource({"READ,1", "PING,1", "FLUSH,1", "ADMIN,65537", "HELLO,4294967295", "WRITE,1049601", "DISCARD,4"})
    void shouldRefuseWhenARequestIsTooLarge(Opcode opcode, long payload) {
        header.opcode(opcode).range(0, opcode == Opcode.WRITE ? MIB : 0).payloadBytes((int) payload);
        assertThat(request()).isEqualTo(FrameFault.PAYLOAD_TOO_LARGE);
    }

    @ParameterizedTest
    @CsvSource({
        "READ,0,0",
        "READ,-1,512",
        "READ,0,-1",
        "READ,1048064,1024",
        "READ,0,1048577",
        "READ,1125899906842624,512",
        "READ,9223372036854775807,9223372036854775807",
        "REPORT_CORRUPT,0,0",
        "WRITE_ZEROES,1073741312,1024",
        "DISCARD,0,1073741825",
        "FLUSH,0,1",
        "FLUSH,1,0",
        "PING,0,1",
        "BLOCK_STATUS,0,0",
        "BLOCK_STATUS,4096,9223372036854775807"
    })
    void shouldRefuseWhenTheRangeIsNotAllowed(Opcode opcode, long offset, long length) {
        header.opcode(opcode).range(offset, length);
        assertThat(request()).isEqualTo(FrameFault.BAD_RANGE);
    }

    @ParameterizedTest
    @CsvSource({
        "READ,1048064,512",
        "READ,1048576,1048576",
        "WRITE_ZEROES,1073741824,1073741824",
        "DISCARD,512,1073741312",
        "BLOCK_STATUS,4096,1125899906838528"
    })
    void shouldAcceptWhenTheRangeIsAllowed(Opcode opcode, long offset, long length) {
        header.opcode(opcode).range(offset, length);
        assertThat(request()).isNull();
    }

    @ParameterizedTest
    @CsvSource({
        "0,4096,1,4100,",
        "512,4096,2,4104,",
        "0,4096,2,4104,BAD_CHECKSUM_COUNT",
        "0,4096,0,4096,BAD_CHECKSUM_COUNT",
        "0,4096,1,4096,BAD_PAYLOAD_LENGTH",
        "0,4096,1,4104,BAD_PAYLOAD_LENGTH"
    })
    void shouldTieAWritesPayloadToItsRange(long offset, long length, int count, int payload, FrameFault expected) {
        header.opcode(Opcode.WRITE).range(offset, length).checksumCount(count).payloadBytes(payload);
        assertThat(request()).isEqualTo(expected);
    }

    @ParameterizedTest
    @CsvSource({
        "0,0,4096,1,4100,",
        "0,512,4096,2,4104,BAD_RANGE",
        "0,0,0,0,0,BAD_RANGE",
        "0,0,4096,0,0,BAD_CHECKSUM_COUNT",
        "0,0,4096,1,8,BAD_PAYLOAD_LENGTH",
        "40,512,512,0,100,",
        "40,0,0,0,4097,PAYLOAD_TOO_LARGE",
        "40,0,4096,1,4,BAD_CHECKSUM_COUNT"
    })
    void shouldTieAReadsAnswerToItsRange(
            int status, long offset, long length, int count, int payload, FrameFault expected) {
        header.opcode(Opcode.READ)
                .statusCode(status)
                .range(offset, length)
                .checksumCount(count)
                .payloadBytes(payload);
        assertThat(answer()).isEqualTo(expected);
    }

    @Test
    void shouldRefuseWhenAnAnswerHasFlagsOfARequest() {
        header.opcode(Opcode.WRITE).flags(FrameFlags.FUA);
        assertThat(answer()).isEqualTo(FrameFault.BAD_FLAGS);
    }

    @Test
    void shouldRefuseWhenAnAnswerCarriesWhatItsOperationHasNot() {
        header.opcode(Opcode.WRITE).payloadBytes(1);
        assertThat(answer()).isEqualTo(FrameFault.PAYLOAD_TOO_LARGE);
    }
}
