package io.ashlar.vduse.blk;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.ashlar.base.block.BlockGeometry;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class VirtioBlkConfigTest {
    private static VirtioBlkConfig config(int blockBytes, boolean readOnly) {
        BlockGeometry geometry = new BlockGeometry(10L << 30, blockBytes, readOnly);
        return new VirtioBlkConfig(geometry, "0123456789abcdefghij", 3, 256, 1 << 20, true, true);
    }

    @ParameterizedTest
    @CsvSource({"512,3,8,2048", "4096,0,1,256"})
    void shouldLayOutConfigurationSpace(int blockBytes, int exponent, int minIo, int optIo) {
        ByteBuffer space = ByteBuffer.wrap(config(blockBytes, false).toBytes()).order(ByteOrder.LITTLE_ENDIAN);

        assertThat(space.capacity()).isEqualTo(72);
        assertThat(space.getLong(0)).as("capacity").isEqualTo((10L << 30) / 512);
        assertThat(space.getInt(8)).as("size_max").isEqualTo(131072);
        assertThat(space.getInt(12)).as("seg_max").isEqualTo(126);
        assertThat(space.getInt(20)).as("blk_size").isEqualTo(blockBytes);
        assertThat(space.get(24)).as("physical_block_exp").isEqualTo((byte) exponent);
        assertThat(space.get(25)).as("alignment_offset").isZero();
        assertThat(space.getShort(26)).as("min_io_size").isEqualTo((short) minIo);
        assertThat(space.getInt(28)).as("opt_io_size").isEqualTo(optIo);
        assertThat(space.getShort(34)).as("num_queues").isEqualTo((short) 3);
        assertThat(space.getInt(36)).as("max_discard_sectors").isEqualTo(2 << 20);
        assertThat(space.getInt(40)).as("max_discard_seg").isEqualTo(32);
        assertThat(space.getInt(44)).as("discard_sector_alignment").isEqualTo(8);
        assertThat(space.getInt(48)).as("max_write_zeroes_sectors").isEqualTo(2 << 20);
        assertThat(space.getInt(52)).as("max_write_zeroes_seg").isEqualTo(32);
        assertThat(space.get(56)).as("write_zeroes_may_unmap").isEqualTo((byte) 1);
    }

    @Test
    void shouldOfferFeatures() {
        long always = 1L << 33 | 1L << 32 | 1 << 14 | 1 << 13 | 1 << 12 | 1 << 10 | 1 << 9 | 1 << 6 | 1 << 2 | 1 << 1;
        assertThat(config(512, false).features()).isEqualTo(always | 1 << 29 | 1 << 28);
        assertThat(config(512, true).features()).isEqualTo(always | 1 << 29 | 1 << 28 | 1 << 5);
        BlockGeometry geometry = new BlockGeometry(4096, 512, false);
        assertThat(new VirtioBlkConfig(geometry, "x", 1, 4, 4096, false, false).features())
                .isEqualTo(always);
    }

    @Test
    void shouldAcceptOnlyOfferedFeaturesWithTheMandatoryOnes() {
        VirtioBlkConfig config = config(512, false);
        assertThat(config.accepts(config.features())).isTrue();
        assertThat(config.accepts(1L << 32 | 1L << 33)).isTrue();
        assertThat(config.accepts(1L << 32)).isFalse();
        assertThat(config.accepts(config.features() | 1L << 34)).isFalse();
    }

    @Test
    void shouldFitChainIntoSmallRing() {
        BlockGeometry geometry = new BlockGeometry(4096, 512, false);
        assertThat(new VirtioBlkConfig(geometry, "x", 1, 64, 4096, true, true).segmentsMax())
                .isEqualTo(62);
    }

    @ParameterizedTest
    @CsvSource({
        "'',1,256,4096",
        "123456789012345678901,1,256,4096",
        "with space,1,256,4096",
        "x,0,256,4096",
        "x,1025,256,4096",
        "x,1,2,4096",
        "x,1,2048,4096",
        "x,1,100,4096",
        "x,1,256,0",
        "x,1,256,5000"
    })
    void shouldRefuseBadValues(String serial, int queues, int queueSize, int optimalIo) {
        BlockGeometry geometry = new BlockGeometry(4096, 512, false);
        assertThatThrownBy(() -> new VirtioBlkConfig(geometry, serial, queues, queueSize, optimalIo, true, true))
                .isInstanceOf(IllegalArgumentException.class);
    }
}
