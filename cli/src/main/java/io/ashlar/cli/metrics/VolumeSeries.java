package io.ashlar.cli.metrics;

import com.google.errorprone.annotations.Immutable;
import io.ashlar.client.volume.VolumeCounters;
import io.ashlar.vduse.agent.VolumeFigures;
import io.prometheus.metrics.model.snapshots.CounterSnapshot;
import io.prometheus.metrics.model.snapshots.GaugeSnapshot;
import io.prometheus.metrics.model.snapshots.Labels;
import io.prometheus.metrics.model.snapshots.MetricSnapshot;
import io.prometheus.metrics.model.snapshots.MetricSnapshots;
import java.util.List;
import java.util.function.ToDoubleFunction;
import java.util.function.ToLongFunction;

/** Metrics with one line for each volume, all of one prefix; and those that the client keeps of a remote volume. */
@Immutable
final class VolumeSeries {
    static final String VOLUME = "volume";

    private static final double NS_PER_SECOND = 1e9;

    private final String prefix;

    VolumeSeries(String prefix) {
        this.prefix = prefix;
    }

    /** Adds what the client knows of those volumes that are remote. */
    void addRemote(MetricSnapshots.Builder all, List<VolumeFigures> mixed) {
        List<VolumeFigures> volumes = mixed.stream()
                .filter(volume -> VolumeCollector.remote(volume) != null)
                .toList();
        all.metricSnapshot(gauge(
                "oldest_request_seconds",
                "For how long the oldest request has waited for the node",
                volumes,
                volume -> VolumeCollector.remote(volume).oldestRequestNs() / NS_PER_SECOND));
        all.metricSnapshot(gauge(
                "connections",
                "Queues whose connection to the node is ready",
                volumes,
                volume -> VolumeCollector.remote(volume).counters().connectedNow()));
        all.metricSnapshot(
                client("connections_made", "Times that a connection became ready", volumes, VolumeCounters::connected));
        all.metricSnapshot(client(
                "requests_resent", "Requests sent again after a connection broke", volumes, VolumeCounters::resent));
        all.metricSnapshot(client(
                "requests_held_back",
                "Requests that waited for one that they overlap",
                volumes,
                VolumeCounters::heldBack));
        all.metricSnapshot(client(
                "wake_ups", "Posts from one loop to another because of an overlap", volumes, VolumeCounters::wakeUps));
        all.metricSnapshot(client(
                "private_copies",
                "Writes sent again from a copy because their bytes had changed on the way",
                volumes,
                VolumeCounters::privateCopies));
        all.metricSnapshot(client(
                "corrupt_answers",
                "Answers to reads that did not match their checksums",
                volumes,
                VolumeCounters::corruptAnswers));
        all.metricSnapshot(client(
                "requests_abandoned",
                "Requests failed while the node could not be reached",
                volumes,
                VolumeCounters::abandoned));
    }

    private MetricSnapshot client(
            String name, String help, List<VolumeFigures> volumes, ToLongFunction<VolumeCounters> figure) {
        return counter(
                name,
                help,
                volumes,
                volume -> figure.applyAsLong(VolumeCollector.remote(volume).counters()));
    }

    MetricSnapshot counter(
            String name, String help, List<VolumeFigures> volumes, ToLongFunction<VolumeFigures> figure) {
        CounterSnapshot.Builder counter =
                CounterSnapshot.builder().name(prefix + name).help(help);
        volumes.forEach(
                volume -> counter.dataPoint(point(Labels.of(VOLUME, volume.volume()), figure.applyAsLong(volume))));
        return counter.build();
    }

    static CounterSnapshot.CounterDataPointSnapshot point(Labels labels, long value) {
        return CounterSnapshot.CounterDataPointSnapshot.builder()
                .labels(labels)
                .value((double) value)
                .build();
    }

    MetricSnapshot gauge(
            String name, String help, List<VolumeFigures> volumes, ToDoubleFunction<VolumeFigures> figure) {
        GaugeSnapshot.Builder gauge =
                GaugeSnapshot.builder().name(prefix + name).help(help);
        volumes.forEach(volume -> gauge.dataPoint(GaugeSnapshot.GaugeDataPointSnapshot.builder()
                .labels(Labels.of(VOLUME, volume.volume()))
                .value(figure.applyAsDouble(volume))
                .build()));
        return gauge.build();
    }
}
