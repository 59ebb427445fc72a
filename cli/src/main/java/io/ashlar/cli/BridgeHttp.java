package io.ashlar.cli;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.cli.metrics.BridgeMetrics;
import io.ashlar.vduse.agent.VolumeFigures;
import java.net.InetSocketAddress;
import java.util.List;
import java.util.function.Supplier;
import picocli.CommandLine.Option;

/** The bridge's HTTP port and its options; mixed in. */
@ConfinedTo(LoopKind.OWNER)
final class BridgeHttp implements AutoCloseable {
    @Option(
            names = "--http",
            paramLabel = "HOST:PORT",
            defaultValue = "127.0.0.1:7442",
            description = "Where /metrics and /healthz are, or 'off' (default: ${DEFAULT-VALUE}).")
    private String http;

    @Option(
            names = "--insecure-listen",
            description =
                    "Allow an address for --http that other hosts can reach: names and load of the volumes are told"
                            + " to everyone there.")
    private boolean insecureListen;

    private HttpPages pages;

    /** Returns the address to listen on, or null; a {@link Failure} says what is wrong with it. */
    InetSocketAddress address() {
        return HttpPages.address(http, insecureListen);
    }

    /** As {@link HttpPages#listen}. */
    String listen(Supplier<String> ailment) {
        pages = new HttpPages(address());
        return pages.listen(ailment);
    }

    /** Sets the metrics up; scrapers that come before wait. */
    void measure(Supplier<List<VolumeFigures>> volumes) {
        pages.measure(() -> BridgeMetrics.page(volumes, "ashlar/" + Version.number()));
    }

    @Override
    public void close() {
        if (pages != null) {
            pages.close();
        }
    }
}
