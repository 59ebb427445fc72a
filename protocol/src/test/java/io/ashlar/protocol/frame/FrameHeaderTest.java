package io.ashlar.protocol.frame;

import static org.assertj.core.api.Assertions.assertThat;

import io.ashlar.base.checksum.Crc32c;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.util.Random;
import java.util.zip.CRC32C;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;

class FrameHeaderTest {
    private final Crc32c crc = new Crc32c();

    @Property(tries = 2000)
    void shouldReadBackEveryFieldWhenAllAreSet(
            @ForAll long seed, @ForAll Opcode opcode, @ForAll @IntRange(min = 0, max = 100) int start) {
        Random random = new Random(seed);
        int flags = random.nextInt(1 << 16);
        long id = random.nextLong();
        int handle = random.nextInt();
        int layer = random.nextInt();
        long offset = random.nextLong();
        long length = random.nextLong();
        int payload = random.nextInt();
        int status = random.nextInt(1 << 16);
        int count = random.nextInt(1 << 16);
        long aux = random.nextLong();
        ByteBuf buffer = Unpooled.directBuffer(256).writeZero(3);
        FrameHeader header = new FrameHeader()
                .wrap(buffer, start)
                .clear()
                .opcode(opcode)
                .flags(flags)
                .requestId(id)
                .handle(handle)
                .layer(layer)
                .range(offset, length)
                .payloadBytes(payload)
                .statusCode(status)
                .checksumCount(count)
                .aux(aux)
                .seal(crc);

        FrameHeader other = new FrameHeader().wrap(buffer.duplicate(), start);
        assertThat(other.magic()).isEqualTo(FrameHeader.MAGIC);
        assertThat(other.version()).isEqualTo(Limits.VERSION);
        assertThat(other.opcode()).isEqualTo(opcode);
        assertThat(other.flags()).isEqualTo(flags);
        assertThat(other.requestId()).isEqualTo(id);
        assertThat(other.handle()).isEqualTo(handle);
        assertThat(other.layer()).isEqualTo(layer);
        assertThat(other.offsetBytes()).isEqualTo(offset);
        assertThat(other.lengthBytes()).isEqualTo(length);
        assertThat(other.payloadBytes()).isEqualTo(Integer.toUnsignedLong(payload));
        assertThat(other.statusCode()).isEqualTo(status);
        assertThat(other.checksumCount()).isEqualTo(count);
        assertThat(other.aux()).isEqualTo(aux);
        assertThat(other.reserved()).isZero();
        assertThat(other.isIntact(crc)).isTrue();
        assertThat(header.has(FrameFlags.FUA)).isEqualTo((flags & FrameFlags.FUA) != 0);
        assertThat(buffer.readerIndex()).isZero();
        assertThat(buffer.writerIndex()).isEqualTo(3);
        buffer.release();
    }

    @Property(tries = 500)
    void shouldLeaveNeighboursAloneWhenWriting(@ForAll long seed, @ForAll @IntRange(min = 1, max = 100) int start) {
        byte[] before = new byte[256];
        new Random(seed).nextBytes(before);
        ByteBuf buffer = Unpooled.directBuffer(256).writeBytes(before);
        new FrameHeader().wrap(buffer, start).clear().range(-1, -1).aux(-1).seal(crc);
        for (int i = 0; i < before.length; i++) {
            if (i < start || i >= start + Limits.HEADER_BYTES) {
                assertThat(buffer.getByte(i)).as("byte %d", i).isEqualTo(before[i]);
            }
        }
        buffer.release();
    }

    @Property(tries = 500)
    void shouldNoticeWhenAnyBitIsFlipped(
            @ForAll long seed, @ForAll @IntRange(min = 0, max = 8 * Limits.HEADER_BYTES - 1) int bit) {
        Random random = new Random(seed);
        ByteBuf buffer = Unpooled.directBuffer(Limits.HEADER_BYTES);
        FrameHeader header = new FrameHeader()
                .wrap(buffer, 0)
                .clear()
                .opcode(Opcode.READ)
                .range(random.nextLong(), random.nextLong())
                .seal(crc);
        buffer.setByte(bit / 8, buffer.getByte(bit / 8) ^ (1 << (bit % 8)));
        assertThat(header.isIntact(crc)).isFalse();
        buffer.release();
    }

    @Property(tries = 100)
    void shouldUseTheChecksumOfTheJdkWhenSealed(@ForAll long requestId) {
        ByteBuf buffer = Unpooled.directBuffer(Limits.HEADER_BYTES);
        new FrameHeader().wrap(buffer, 0).clear().requestId(requestId).seal(crc);
        byte[] bytes = new byte[FrameHeader.CRC_OFFSET];
        buffer.getBytes(0, bytes);
        CRC32C expected = new CRC32C();
        expected.update(bytes);
        assertThat(buffer.getUnsignedIntLE(FrameHeader.CRC_OFFSET)).isEqualTo(expected.getValue());
        buffer.release();
    }
}
