package io.ashlar.client.load;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.ashlar.base.block.BlockGeometry;
import io.ashlar.base.block.MemoryBlockDevice;
import io.ashlar.base.net.EpollLoops;
import io.ashlar.base.status.Status;
import io.ashlar.client.fake.Attached;
import io.ashlar.client.fake.FakeNode;
import io.ashlar.client.volume.RemoteVolume;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class LoadGeneratorTest {
    private final EpollLoops loops = EpollLoops.floating("load", 2);

    @AfterEach
    void stop() {
        loops.close();
    }

    @Test
    void shouldCountWhatItDidWhenTheTimeIsOver() throws Exception {
        try (FakeNode node = new FakeNode(4 << 20, 512)) {
            node.recording = false;
            RemoteVolume volume =
                    RemoteVolume.open(Attached.options(node), loops.all().get(0));
            LoadOptions options = new LoadOptions(16, 4096, 70, true, 300, 1);
            LoadReport report = new LoadGenerator(volume, loops.all(), options).run(done -> {});
            assertThat(report.errors()).isZero();
            assertThat(report.reads().count()).isGreaterThan(report.writes().count());
            assertThat(report.writes().count()).isPositive();
            assertThat(report.reads().p50Ns())
                    .isPositive()
                    .isLessThanOrEqualTo(report.reads().p99Ns());
            assertThat(report.reads().maxNs())
                    .isGreaterThanOrEqualTo(report.reads().p9999Ns());
            assertThat(report.bytesPerSecond()).isEqualTo(report.requestsPerSecond() * 4096);
            volume.close();
        }
    }

    @Test
    void shouldStopWhenTheVolumeFailsEverything() throws Exception {
        MemoryBlockDevice device = new MemoryBlockDevice(new BlockGeometry(1 << 20, 512, false));
        device.failWith(Status.IO_ERROR);
        LoadReport report =
                new LoadGenerator(device, loops.all(), new LoadOptions(4, 512, 0, false, 60_000, 1)).run(done -> {});
        assertThat(report.errors()).isGreaterThanOrEqualTo(2000);
        assertThat(report.firstError()).isEqualTo(Status.IO_ERROR);
        assertThat(report.reads().count()).isZero();
        device.close();
    }

    @Test
    void shouldRefuseWhatTheVolumeCanNotDo() {
        MemoryBlockDevice device = new MemoryBlockDevice(new BlockGeometry(8192, 4096, false));
        assertThatThrownBy(() -> new LoadGenerator(device, loops.all(), new LoadOptions(1, 512, 0, true, 1, 1)))
                .hasMessageContaining("multiple of 4096");
        assertThatThrownBy(() -> new LoadGenerator(device, loops.all(), new LoadOptions(1, 8192, 0, true, 1, 1)))
                .hasMessageContaining("too small");
        device.close();
    }
}
