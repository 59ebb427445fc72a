package io.ashlar.cli.metrics;

import io.ashlar.base.annotation.ThreadSafe;
import io.ashlar.client.volume.RemoteVolume;
import io.ashlar.server.metrics.LatencyHistogram;
import io.ashlar.vduse.agent.VolumeFigures;
import io.ashlar.vduse.blk.QueueCounters;
import io.ashlar.vduse.blk.QueueFigure;
import io.ashlar.vduse.blk.QueueStage;
import io.ashlar.vduse.blk.RequestKind;
import io.ashlar.vduse.blk.VirtioBlkStatus;
import io.prometheus.metrics.model.registry.MultiCollector;
import io.prometheus.metrics.model.snapshots.CounterSnapshot;
import io.prometheus.metrics.model.snapshots.HistogramSnapshot;
import io.prometheus.metrics.model.snapshots.InfoSnapshot;
import io.prometheus.metrics.model.snapshots.Labels;
import io.prometheus.metrics.model.snapshots.MetricSnapshot;
import io.prometheus.metrics.model.snapshots.MetricSnapshots;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.function.Supplier;
import java.util.function.ToLongFunction;

/**
 * The figures of all attached volumes, with a label for the volume. Volumes come and go, so nothing is registered for each:
 * a scrape looks at what is attached then.
 */
@ThreadSafe
final class VolumeCollector implements MultiCollector {
    private static final String PREFIX = "ashlar_bridge_";
    private static final String VOLUME = VolumeSeries.VOLUME;
    private static final VolumeSeries SERIES = new VolumeSeries(PREFIX);

    private final Supplier<List<VolumeFigures>> source;

    VolumeCollector(Supplier<List<VolumeFigures>> source) {
        this.source = source;
    }

    @Override
    public MetricSnapshots collect() {
        List<VolumeFigures> volumes = source.get();
        MetricSnapshots.Builder all = MetricSnapshots.builder();
        all.metricSnapshot(info(volumes));
        all.metricSnapshot(requests(volumes));
        all.metricSnapshot(bytes(volumes));
        all.metricSnapshot(times(volumes));
        all.metricSnapshot(stages(volumes));
        all.metricSnapshot(SERIES.gauge("queues", "Virtqueues of the device", volumes, volume -> volume.queues()
                .size()));
        for (QueueFigure figure : QueueFigure.values()) {
            ToLongFunction<VolumeFigures> value = volume -> sum(volume, queue -> queue.value(figure));
            all.metricSnapshot(
                    figure.isLevel()
                            ? SERIES.gauge(figure.metric(), figure.help(), volumes, value::applyAsLong)
                            : SERIES.counter(figure.metric(), figure.help(), volumes, value));
        }
        SERIES.addRemote(all, volumes);
        return all.build();
    }

    /** Returns the volume as the client has it, or null if it is not open. */
    static RemoteVolume remote(VolumeFigures volume) {
        return volume.device() instanceof RemoteVolume remote ? remote : null;
    }

    static long sum(VolumeFigures volume, ToLongFunction<QueueCounters> figure) {
        return volume.queues().stream().mapToLong(figure).sum();
    }

    private static MetricSnapshot info(List<VolumeFigures> volumes) {
        InfoSnapshot.Builder info = InfoSnapshot.builder()
                .name(PREFIX + "volume")
                .help("What is attached, as which device, in which state, from which node");
        for (VolumeFigures volume : volumes) {
            RemoteVolume remote = remote(volume);
            Labels labels = Labels.of(
                    VOLUME,
                    volume.volume(),
                    "device",
                    Objects.requireNonNullElse(volume.disk(), ""),
                    "state",
                    remote != null && remote.ended() != null ? word(remote.ended()) : volume.state(),
                    "node",
                    remote == null ? "" : remote.options().session().nodeText());
            info.dataPoint(
                    InfoSnapshot.InfoDataPointSnapshot.builder().labels(labels).build());
        }
        return info.build();
    }

    private static MetricSnapshot requests(List<VolumeFigures> volumes) {
        CounterSnapshot.Builder counter =
                CounterSnapshot.builder().name(PREFIX + "requests").help("Requests answered");
        for (VolumeFigures volume : volumes) {
            for (RequestKind kind : RequestKind.values()) {
                for (VirtioBlkStatus status : VirtioBlkStatus.values()) {
                    Labels labels = Labels.of(VOLUME, volume.volume(), "operation", word(kind), "status", word(status));
                    counter.dataPoint(VolumeSeries.point(labels, sum(volume, queue -> queue.answers(kind, status))));
                }
            }
        }
        return counter.build();
    }

    private static MetricSnapshot bytes(List<VolumeFigures> volumes) {
        CounterSnapshot.Builder counter = CounterSnapshot.builder()
                .name(PREFIX + "data_bytes")
                .help("Bytes of volumes read, written, zeroed, discarded");
        for (VolumeFigures volume : volumes) {
            for (RequestKind kind :
                    List.of(RequestKind.READ, RequestKind.WRITE, RequestKind.WRITE_ZEROES, RequestKind.DISCARD)) {
                Labels labels = Labels.of(VOLUME, volume.volume(), "operation", word(kind));
                counter.dataPoint(VolumeSeries.point(labels, sum(volume, queue -> queue.bytes(kind))));
            }
        }
        return counter.build();
    }

    private static MetricSnapshot times(List<VolumeFigures> volumes) {
        HistogramSnapshot.Builder histogram = HistogramSnapshot.builder()
                .name(PREFIX + "request_seconds")
                .help("Time from the kick to the used ring");
        for (VolumeFigures volume : volumes) {
            for (RequestKind kind : RequestKind.values()) {
                histogram.dataPoint(LatencyHistogram.dataPoint(
                        Labels.of(VOLUME, volume.volume(), "operation", word(kind)),
                        bucket -> sum(volume, queue -> queue.inBucket(kind, bucket)),
                        sum(volume, queue -> queue.sumNs(kind))));
            }
        }
        return histogram.build();
    }

    private static MetricSnapshot stages(List<VolumeFigures> volumes) {
        HistogramSnapshot.Builder histogram = HistogramSnapshot.builder()
                .name(PREFIX + "stage_seconds")
                .help("Time of each stage: kick to sent, sent to answered, answered to the used ring");
        for (VolumeFigures volume : volumes) {
            for (QueueStage stage : QueueStage.values()) {
                histogram.dataPoint(LatencyHistogram.dataPoint(
                        Labels.of(VOLUME, volume.volume(), "stage", word(stage)),
                        bucket -> sum(volume, queue -> queue.inBucket(stage, bucket)),
                        sum(volume, queue -> queue.sumNs(stage))));
            }
        }
        return histogram.build();
    }

    private static String word(Enum<?> value) {
        return value.name().toLowerCase(Locale.ROOT);
    }
}
