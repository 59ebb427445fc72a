package io.ashlar.cli;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.net.EpollLoop;
import io.ashlar.base.net.EpollLoops;
import io.ashlar.base.text.SizeText;
import io.ashlar.client.load.LoadGenerator;
import io.ashlar.client.load.LoadOptions;
import io.ashlar.client.load.LoadReport;
import io.ashlar.client.session.SessionConfig;
import io.ashlar.client.volume.AccessMode;
import io.ashlar.client.volume.AttachException;
import io.ashlar.client.volume.RemoteVolume;
import io.ashlar.client.volume.VolumeOptions;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code ashlar bench NAME}: loads a volume through the client library, without a bridge. */
@ConfinedTo(LoopKind.OWNER)
@Command(
        name = "bench",
        description =
                "Load a volume through the client library and print rates and latencies. Writes destroy what is on"
                        + " the volume.",
        mixinStandardHelpOptions = true)
final class BenchCommand implements Callable<Integer> {
    @Parameters(paramLabel = "NAME", description = "The volume; nobody else may hold it.")
    private String name;

    @Option(
            names = "--read-percent",
            paramLabel = "N",
            defaultValue = "100",
            description = "Share of reads; the rest are writes (default: ${DEFAULT-VALUE}).")
    private int readPercent;

    @Option(
            names = "--size",
            paramLabel = "SIZE",
            defaultValue = "4K",
            converter = Size.class,
            description = "Length of a request (default: ${DEFAULT-VALUE}).")
    private long requestBytes;

    @Option(
            names = "--depth",
            paramLabel = "N",
            defaultValue = "64",
            description = "Requests in flight per loop (default: ${DEFAULT-VALUE}).")
    private int depth;

    @Option(
            names = "--loops",
            paramLabel = "N",
            defaultValue = "1",
            description = "Loops, each with a connection of its own (default: ${DEFAULT-VALUE}).")
    private int loopCount;

    @Option(names = "--sequential", description = "Go through the volume in order instead of at random.")
    private boolean sequential;

    @Option(
            names = "--seconds",
            paramLabel = "N",
            defaultValue = "10",
            description = "How long (default: ${DEFAULT-VALUE}).")
    private int seconds;

    @Mixin
    private ServerOption server;

    @Mixin
    private Output output;

    @Override
    public Integer call() throws InterruptedException {
        if (seconds < 1 || seconds > 86_400 || loopCount < 1 || loopCount > 64) {
            throw Failure.failed("--seconds must be 1 to 86400 and --loops 1 to 64");
        }
        AccessMode mode = readPercent == 100 ? AccessMode.READ_ONLY : AccessMode.READ_WRITE;
        VolumeOptions options =
                VolumeOptions.of(SessionConfig.of(server.nodeOf(name), RemoteVolumes.hostId() + "-bench"), name, mode);
        try (EpollLoops loops = EpollLoops.floating("bench", loopCount);
                RemoteVolume volume = RemoteVolume.open(options, loops.all().get(0))) {
            return load(volume, loops.all());
        } catch (AttachException | IllegalArgumentException e) {
            throw Failure.failed(e.getMessage(), e);
        }
    }

    private int load(RemoteVolume volume, List<EpollLoop> loops) throws InterruptedException {
        LoadOptions options = new LoadOptions(
                depth, (int) Math.min(requestBytes, Integer.MAX_VALUE), readPercent, !sequential, seconds * 1000L, 1);
        LoadReport report;
        try (ProgressLine progress = new ProgressLine(output)) {
            long[] last = {0};
            report = new LoadGenerator(volume, loops, options).run(completed -> {
                progress.show(completed + " requests, " + (completed - last[0]) + " in the last second");
                last[0] = completed;
            });
        }
        output.print(text(report), report);
        return report.errors() == 0 ? 0 : Failure.FAILED;
    }

    private static String text(LoadReport report) {
        String rates =
                String.format(Locale.ROOT, "%.0f requests/s, %s/s", report.requestsPerSecond(), SizeText.format((long)
                        report.bytesPerSecond()));
        String errors = report.errors() == 0
                ? ""
                : "%n%d requests failed, the first: %s"
                        .formatted(report.errors(), report.firstError().text());
        return rates + line("read ", report.reads()) + line("write", report.writes()) + errors;
    }

    private static String line(String kind, LoadReport.Latencies latencies) {
        if (latencies.count() == 0) {
            return "";
        }
        return String.format(
                Locale.ROOT,
                "%n%s  %d in all; µs: mean %.0f, p50 %.0f, p90 %.0f, p99 %.0f, p99.9 %.0f, max %.0f",
                kind,
                latencies.count(),
                latencies.meanNs() / 1e3,
                latencies.p50Ns() / 1e3,
                latencies.p90Ns() / 1e3,
                latencies.p99Ns() / 1e3,
                latencies.p999Ns() / 1e3,
                latencies.maxNs() / 1e3);
    }
}
