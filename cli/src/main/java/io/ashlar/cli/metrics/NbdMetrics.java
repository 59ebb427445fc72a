package io.ashlar.cli.metrics;

import io.ashlar.base.annotation.ThreadSafe;
import io.ashlar.base.block.BlockDevice;
import io.ashlar.client.volume.RemoteVolume;
import io.ashlar.nbd.session.NbdCounters;
import io.ashlar.nbd.session.NbdServer;
import io.ashlar.nbd.wire.Command;
import io.ashlar.nbd.wire.NbdError;
import io.ashlar.server.metrics.LatencyHistogram;
import io.ashlar.vduse.agent.VolumeFigures;
import io.prometheus.metrics.model.registry.MultiCollector;
import io.prometheus.metrics.model.snapshots.CounterSnapshot;
import io.prometheus.metrics.model.snapshots.HistogramSnapshot;
import io.prometheus.metrics.model.snapshots.Labels;
import io.prometheus.metrics.model.snapshots.MetricSnapshot;
import io.prometheus.metrics.model.snapshots.MetricSnapshots;
import java.util.List;
import java.util.Locale;
import java.util.function.ToLongFunction;

/**
 * An export's metrics ({@code docs/nbd.md} has the table). Nothing is counted here: each scrape adds up the counters of the
 * data loops and of the client's volume.
 */
@ThreadSafe
public final class NbdMetrics implements MultiCollector {
    private static final String PREFIX = "ashlar_nbd_";
    private static final VolumeSeries SERIES = new VolumeSeries(PREFIX);
    private static final List<Command> WITH_ANSWER = List.of(
            Command.READ,
            Command.WRITE,
            Command.FLUSH,
            Command.TRIM,
            Command.CACHE,
            Command.WRITE_ZEROES,
            Command.BLOCK_STATUS);
    private static final List<Command> WITH_BYTES =
            List.of(Command.READ, Command.WRITE, Command.WRITE_ZEROES, Command.TRIM);

    private final VolumeFigures volume;
    private final NbdServer server;

    private NbdMetrics(VolumeFigures volume, NbdServer server) {
        this.volume = volume;
        this.server = server;
    }

    /** Returns the page of an export. */
    public static MetricsPage page(String name, BlockDevice device, NbdServer server, String version) {
        VolumeFigures volume = new VolumeFigures(name, null, "served", device, List.of());
        return new MetricsPage(new NbdMetrics(volume, server), version);
    }

    /** Returns why the export is not well, or an empty text. A node that is away is no ailment: it mends by itself. */
    public static String ailment(String name, BlockDevice device) {
        return device instanceof RemoteVolume remote && remote.ended() != null
                ? name + " fails for good: " + remote.ended().text()
                : "";
    }

    @Override
    public MetricSnapshots collect() {
        MetricSnapshots.Builder all = MetricSnapshots.builder();
        all.metricSnapshot(requests());
        all.metricSnapshot(bytes());
        all.metricSnapshot(times());
        List<VolumeFigures> volumes = List.of(volume);
        all.metricSnapshot(SERIES.gauge(
                "in_flight",
                "Requests, and pieces of long ones, that are not yet answered",
                volumes,
                unused -> sum(NbdCounters::inFlight)));
        all.metricSnapshot(
                SERIES.gauge("clients", "Connections of clients", volumes, unused -> server.connectionCount()));
        SERIES.addRemote(all, volumes);
        return all.build();
    }

    private long sum(ToLongFunction<NbdCounters> figure) {
        return server.counters().stream().mapToLong(figure).sum();
    }

    private MetricSnapshot requests() {
        CounterSnapshot.Builder counter =
                CounterSnapshot.builder().name(PREFIX + "requests").help("Requests answered");
        for (Command command : WITH_ANSWER) {
            for (NbdError error : NbdError.values()) {
                String status = error == NbdError.NONE ? "ok" : word(error);
                Labels labels = labels(command).merge(Labels.of("status", status));
                counter.dataPoint(VolumeSeries.point(labels, sum(loop -> loop.answers(command, error))));
            }
        }
        return counter.build();
    }

    private MetricSnapshot bytes() {
        CounterSnapshot.Builder counter = CounterSnapshot.builder()
                .name(PREFIX + "data_bytes")
                .help("Bytes of the volume read, written, zeroed, given back");
        for (Command command : WITH_BYTES) {
            counter.dataPoint(VolumeSeries.point(labels(command), sum(loop -> loop.bytes(command))));
        }
        return counter.build();
    }

    private MetricSnapshot times() {
        HistogramSnapshot.Builder histogram = HistogramSnapshot.builder()
                .name(PREFIX + "request_seconds")
                .help("Time from a request's decoding to its answer");
        for (Command command : WITH_ANSWER) {
            histogram.dataPoint(LatencyHistogram.dataPoint(
                    labels(command),
                    bucket -> sum(loop -> loop.inBucket(command, bucket)),
                    sum(loop -> loop.sumNs(command))));
        }
        return histogram.build();
    }

    private Labels labels(Command command) {
        return Labels.of(VolumeSeries.VOLUME, volume.volume(), "operation", word(command));
    }

    private static String word(Enum<?> value) {
        return value.name().toLowerCase(Locale.ROOT);
    }
}
