package io.ashlar.cli.metrics;

import static org.assertj.core.api.Assertions.assertThat;

import io.ashlar.base.block.BlockGeometry;
import io.ashlar.base.block.NullBlockDevice;
import io.ashlar.vduse.agent.VolumeFigures;
import io.ashlar.vduse.blk.QueueCounters;
import io.ashlar.vduse.blk.QueueEvents;
import io.ashlar.vduse.blk.QueueFigure;
import io.ashlar.vduse.blk.VirtioBlkConfig;
import io.ashlar.vduse.blk.VirtioBlkQueue;
import io.ashlar.vduse.vring.ManualLoop;
import io.ashlar.vduse.vring.SplitVirtqueue;
import io.ashlar.vduse.vring.SteadyDriver;
import io.ashlar.vduse.vring.VringException;
import io.ashlar.vduse.vring.VringFault;
import io.ashlar.vduse.vring.VringOptions;
import io.ashlar.vduse.vring.VringPosition;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class BridgeMetricsTest {
    private static final int DEPTH = 32;

    private final List<VolumeFigures> volumes = new ArrayList<>();

    /** Counters of a queue that has served a batch of reads, or of writes. */
    private static QueueCounters served(int type) throws VringException {
        SteadyDriver driver = new SteadyDriver(DEPTH, type, true);
        BlockGeometry geometry = new BlockGeometry(1 << 30, 512, false);
        VirtioBlkConfig config = new VirtioBlkConfig(geometry, "null", 1, 256, 4096, true, false);
        SplitVirtqueue vring =
                new SplitVirtqueue(driver.layout(), new VringOptions(true, false), VringPosition.START, driver.map());
        QueueCounters counters = new QueueCounters();
        QueueEvents events = new QueueEvents() {
            @Override
            public void call() {
                counters.add(QueueFigure.INTERRUPTS, 1);
            }

            @Override
            public void broken(VringFault fault) {
                throw new AssertionError("broken by " + fault);
            }
        };
        VirtioBlkQueue queue = new VirtioBlkQueue(
                new ManualLoop(), new NullBlockDevice(geometry), config, vring, driver.map(), events, counters);
        driver.offerAll();
        queue.onKick();
        return counters;
    }

    private double metric(String name) {
        try (MetricsPage metrics = BridgeMetrics.page(() -> volumes, "ashlar/test")) {
            String text = metrics.text();
            return text.lines()
                    .filter(line -> line.startsWith(name + " "))
                    .map(line -> Double.parseDouble(line.substring(name.length() + 1)))
                    .findFirst()
                    .orElseThrow(() -> new AssertionError("no metric " + name + " in\n" + text));
        }
    }

    @Test
    void shouldAddUpTheQueuesOfAVolumeAndKeepVolumesApart() throws VringException {
        volumes.add(new VolumeFigures("a", "vda", "attached", null, List.of(served(0), served(0), served(1))));
        volumes.add(new VolumeFigures("b", "vdb", "attached", null, List.of(served(1))));

        assertThat(metric("ashlar_bridge_requests_total{operation=\"read\",status=\"ok\",volume=\"a\"}"))
                .isEqualTo(2 * DEPTH);
        assertThat(metric("ashlar_bridge_requests_total{operation=\"read\",status=\"ok\",volume=\"b\"}"))
                .isZero();
        assertThat(metric("ashlar_bridge_data_bytes_total{operation=\"write\",volume=\"b\"}"))
                .isEqualTo(DEPTH * 4096);
        assertThat(metric("ashlar_bridge_queues{volume=\"a\"}")).isEqualTo(3);
        assertThat(metric("ashlar_bridge_batches_total{volume=\"a\"}")).isEqualTo(3);
        assertThat(metric("ashlar_bridge_interrupts_total{volume=\"a\"}")).isEqualTo(3);
        assertThat(metric("ashlar_bridge_in_flight{volume=\"a\"}")).isZero();
        for (String stage : new String[] {"submit", "node", "complete"}) {
            assertThat(metric("ashlar_bridge_stage_seconds_count{stage=\"" + stage + "\",volume=\"a\"}"))
                    .as(stage)
                    .isEqualTo(3 * DEPTH);
        }
        assertThat(metric("ashlar_bridge_request_seconds_bucket{operation=\"write\",volume=\"b\",le=\"+Inf\"}"))
                .isEqualTo(DEPTH);
        assertThat(metric("ashlar_bridge_volume_info{device=\"vdb\",node=\"\",state=\"attached\",volume=\"b\"}"))
                .isEqualTo(1);
    }

    @Test
    void shouldTellOfTheProcessWhenNothingIsAttached() {
        try (MetricsPage metrics = BridgeMetrics.page(() -> volumes, "ashlar/test")) {
            assertThat(metrics.text()).contains("jvm_gc_", "jvm_memory_used_bytes", "ashlar_build_info{");
        }
    }

    @Test
    void shouldForgetAVolumeThatHasBeenDetached() throws VringException {
        try (MetricsPage metrics = BridgeMetrics.page(() -> volumes, "ashlar/test")) {
            volumes.add(new VolumeFigures("gone", "vda", "attached", null, List.of(served(0))));
            assertThat(metrics.text()).contains("volume=\"gone\"");
            volumes.clear();
            assertThat(metrics.text()).doesNotContain("volume=\"gone\"");
        }
    }

    @Test
    void shouldBeAilingOnlyForWhatDoesNotMendByItself() {
        volumes.add(new VolumeFigures("a", "vda", "attached", null, List.of(new QueueCounters())));
        volumes.add(new VolumeFigures("b", "vdb", "resuming", null, List.of()));
        assertThat(BridgeMetrics.ailment(volumes)).isEmpty();
        QueueCounters broken = new QueueCounters();
        broken.set(QueueFigure.BROKEN, 1);
        volumes.add(new VolumeFigures("c", "vdc", "attached", null, List.of(new QueueCounters(), broken)));
        assertThat(BridgeMetrics.ailment(volumes))
                .isEqualTo("c: 1 virtqueues are not served, their driver broke the rules");
        volumes.remove(2);
        volumes.add(new VolumeFigures("ashlar-1", "vdd", "orphan", null, List.of()));
        assertThat(BridgeMetrics.ailment(volumes)).isEqualTo("ashlar-1 is left without its volume");
    }
}
